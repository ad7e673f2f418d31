"""Reward Shaping to Mitigate Reward Hacking in RLHF (Fu et al., 2025): preference as reward.

Idea
    Use the reward model's own win probability against a reference answer as the reward: bounded, steep at first, flat
    later, so that an absurdly high score is worth little more than a good one.
Maths
    ``r = (1/M) sum_m sigmoid(r(x, y) - r(x, y_ref_m))``, references sampled once from the supervised policy, M = 1; then
    RL with KL as usual. The others that the paper compares are ``compositions``.
Reads
    ``traj.reward``, ``group.reference_reward``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    The scorer here is the task's; a reward model takes its place as a ``Function`` and as ``ReferenceRewards.path``. The
    cap before shaping is ``Clip(None, ceiling)``; the release's length penalty is not here. A problem without references is
    unscored, where the released code goes on with the raw reward. On the toy all hangs on how likely the hack is at the
    start: see LOG.md.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, expected, finals
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.references import ReferenceRewards
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.reference_shape import ReferenceShape
from guerdon.shaping.running_scale import RunningScale
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.hackable import HackableBandit
from guerdon.update import Update


def compose(*shaping: Transform) -> Recipe:
    """GRPO with KL on a shaped reward."""
    needs = any("traj.reference_reward" in piece.reads for piece in shaping)
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), *([ReferenceRewards()] if needs else [])),
        shaping=(WeightedSum(), *shaping),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001),)),
        update=Update(minibatches=4),
    )


RECIPE, RAW, MINMAX = compose(ReferenceShape()), compose(), compose(RunningScale("minmax"))
LOG_SIGMOID = compose(ReferenceShape("log_sigmoid", center="upper"))


@claim("A reward equal to its reference becomes 0.5, between references 2 below and 2 above it as well")
def even(seed: int) -> Evidence:
    references = torch.tensor([[1.5, torch.nan], [-0.5, 3.5]], dtype=torch.float64)
    batch = ragged([[1.5, 1.5]], columns={"traj.reference_reward": references})
    got = torch.as_tensor(ReferenceShape()(batch)["traj.reward"])
    return Evidence(float((got - 0.5).abs().max()), 0.0, 1e-12, note="largest error")


@claim("The shaped reward rises with the reward, stays in (0, 1), and a score of 10 above a good one adds below 0.05")
def bounded(seed: int) -> Evidence:
    scores = torch.linspace(-12, 12, 97, dtype=torch.float64)
    references = torch.zeros((97, 1), dtype=torch.float64)
    got = torch.as_tensor(
        ReferenceShape()(ragged([scores.tolist()], columns={"traj.reference_reward": references}))["traj.reward"]
    )
    fine = bool((got.diff() > 0).all()) and float(got.min()) > 0 and float(got.max()) < 1
    return Evidence(float(got[-1] - got[60]) if fine else float("nan"), 0.0, 0.05, note="from a score of 3 on")


def toy(recipe: Recipe) -> Recipe:
    """64 one-token prompts with one action that shows 8 to 12 and is worth -3."""
    return dataclasses.replace(
        recipe,
        task=HackableBandit(),
        policy=Tabular(),
        rollout=SampleTree(prompts=64, extra=("traj.reference_reward", "traj.worth")),
        rewards=(),
        update=Update(lr=0.05, max_grad_norm=None),
    )


worth, hacked = expected(lambda task: task.true_rewards()), expected(lambda task: task.rewards() > 7)
STEPS = 300


@claim("After 300 steps the true reward is higher with PAR than with the raw reward", tier="proxy")
def worth_more(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), STEPS, worth) for recipe in (RECIPE, RAW))
    return compare(ours, baseline, "true reward after 300 steps")


@claim(
    "Where advantages are not divided by the group's std, it puts less on the hack than the raw reward", tier="proxy"
)
def hacks_less(seed: int) -> Evidence:
    centered = (Standardize(scale="none"),)
    toys = (dataclasses.replace(toy(recipe), advantage=centered) for recipe in (RECIPE, RAW))
    ours, baseline = (finals(each, STEPS, hacked) for each in toys)
    return compare(ours, baseline, "probability of the hack after 300 steps", lower=True)


paper = Paper(
    title="Reward Shaping to Mitigate Reward Hacking in RLHF",
    arxiv="2502.18770",
    kind="method",
    source="code",
    year=2025,
    authors="Fu et al.",
    recipe=RECIPE,
    compositions={
        "raw": RAW,
        "minmax": MINMAX,
        "standardized": compose(RunningScale()),
        "clipped": compose(RunningScale("clip")),
        "log_sigmoid": LOG_SIGMOID,
    },
    claims=(even, bounded, worth_more, hacks_less),
)

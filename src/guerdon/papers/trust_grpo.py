"""SophiaVL-R1: Reinforcing MLLMs Reasoning with Thinking Reward (Trust-GRPO).

Idea
    A model's score of the whole reasoning is added to the outcome, discounted in groups where it prefers the reasoning
    of wrong answers, and annealed away.
Maths
    ``R_i = o_i + gamma alpha exp(-step / T) t_i``, alpha 0.3, T 500, gamma = min(1, exp(mu_right - mu_wrong)); R = o in
    groups of one outcome. Then GRPO with a k3 KL loss of 0.04.
Reads
    ``traj.reward/correct``, ``traj.reward/thinking``, ``run.step``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The score comes from a fine-tuned vision-language model; here a check of the tags stands in its place: put any
    piece that writes ``traj.reward/thinking`` there (``Function``). The released code zeroes scores of outcomes below
    0.2, which makes gamma nearly always 1: ``released`` does so. The step is the run's. In the toy the judge likes
    filler: thoughts that do not work. The plain sum is the same recipe with weight 0.3 and neither trust nor annealing.
"""

import dataclasses
import math

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.action_count import ActionCount
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Tags
from guerdon.shaping.trust_weight import TrustWeight
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.chain_length import FILLER, ChainLength
from guerdon.update import Update


def compose(trust: TrustWeight) -> Recipe:
    """GRPO with a thinking score."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), Scored(Tags(), name="thinking"), trust),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.04),)),
        update=Update(minibatches=4),
    )


RECIPE, RELEASED = compose(TrustWeight()), compose(TrustWeight(drop_below=0.2))


@claim("Scores 0.2, 0.4 of right and 0.9, 0.7 of wrong answers count 0.3 exp(-0.5) at step 0; where all are right, 0")
def trust(seed: int) -> Evidence:
    outcomes, scores = [[1.0, 1.0, 0.0, 0.0], [1.0, 1.0]], [0.2, 0.4, 0.9, 0.7, 0.5, 0.1]
    columns = {"traj.reward/correct": [o for group in outcomes for o in group], "traj.reward/thinking": scores}
    batch = ragged(outcomes, columns=columns).with_run(step=0)
    got = torch.as_tensor(TrustWeight()(batch)["traj.reward/thinking"])
    factor = 0.3 * math.exp(-0.5)
    expected = torch.tensor([factor * t for t in scores[:4]] + [0.0, 0.0], dtype=torch.float64)
    return Evidence(float((got - expected).abs().max()), 0.0, 1e-9, note="largest error")


@claim("With the released code's zeroing, the right answers' scores of the same group are trusted fully")
def released(seed: int) -> Evidence:
    outcome = [1.0, 1.0, 0.0, 0.0]
    columns = {"traj.reward/correct": outcome, "traj.reward/thinking": [0.2, 0.4, 0.9, 0.7]}
    batch = ragged([outcome], columns=columns).with_run(step=500)
    got = torch.as_tensor(TrustWeight(drop_below=0.2)(batch)["traj.reward/thinking"])
    expected = 0.3 * math.exp(-1.0) * torch.tensor([0.2, 0.4, 0.0, 0.0], dtype=torch.float64)
    return Evidence(float((got - expected).abs().max()), 0.0, 1e-9, note="largest error")


def toy(weigh: Transform | None) -> Recipe:
    """The chain with filler and a judge that pays for it, 16 x 8 responses per step."""
    judge = ActionCount(scale=30.0, ids=(FILLER,), name="thinking")
    sum_up = WeightedSum({"task": 1.0, "thinking": 1.0 if weigh else 0.3})
    return Recipe(
        task=ChainLength(filler=True, longest_need=4),
        policy=Linear(),
        rollout=SampleTree(prompts=16),
        rewards=(judge, *([weigh] if weigh else [])),
        shaping=(sum_up,),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(lr=0.02, minibatches=4),
    )


PLAIN, TRUSTED = toy(None), toy(TrustWeight(horizon=50.0, correct="traj.reward/task"))
ALONE = dataclasses.replace(PLAIN, rewards=(), shaping=(WeightedSum({"task": 1.0}),))
STEPS, SEEDS = 200, (0, 1, 2)


@claim("Trust and annealing end more accurate than the plain sum, which drifts to filler", tier="proxy")
def resists_hack(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, STEPS, last("reward/task", 50), SEEDS) for recipe in (TRUSTED, PLAIN))
    return compare(ours, baseline, f"accuracy over the last 50 of {STEPS} steps")


@claim("and within 0.02 of the outcome alone", tier="proxy")
def as_without(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, STEPS, last("reward/task", 50), SEEDS) for recipe in (TRUSTED, ALONE))
    return compare(ours, baseline, f"accuracy over the last 50 of {STEPS} steps", margin=-0.02)


paper = Paper(
    title="SophiaVL-R1: Reinforcing MLLMs Reasoning with Thinking Reward",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"released": RELEASED},
    claims=(trust, released, resists_hack, as_without),
)

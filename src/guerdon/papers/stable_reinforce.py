"""R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning (StableReinforce).

Idea
    REINFORCE++ for generative judges of pairs, with three repairs: bound log ratios before exp, drop outliers among the
    advantages, and reward an analysis that supports its verdict.
Maths
    ``rho = exp(clip(log ratio, log 1e-3, log 1e3))`` inside PPO's clip of 0.2; advantages standardised over the batch, 0
    where ``|A| > 3``; ``R = 0.5 format + acc (1 + 0.5 consistency)`` with consistency in {-1, 0, 1}. One response per
    prompt, KL of 0.001 in the reward, mean over responses of the mean over tokens.
Reads
    ``traj.response``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    The released code compares the standardised advantage with the raw mean - 3 and + 3, a slip that is not offered here,
    and also zeroes |A| > 10. The paper's text has consistency as a 0/1 factor. The judge of the judge is a rule. Selection
    of hard pairs by the attempts of a supervised model, and images, are left out.
"""

import dataclasses
import math
from functools import cache

import torch

from guerdon.advantages.outliers import DropOutliers
from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.credit.last_action import LastAction
from guerdon.loop import train
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import SEEDS, compare
from guerdon.piece import Transform
from guerdon.policies.linear import Linear, LinearPolicy
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.stale import Stale
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.consistency import Consistency
from guerdon.scorers.format import Tags
from guerdon.shaping.kl_reward import KLReward
from guerdon.shaping.modulate import Modulate
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.pairwise_judging import PairwiseJudging
from guerdon.update import Update

WHITENED = Standardize(
    "batch", "batch", eps=0.0, ddof=0, var_floor=1e-16, column="action.advantage", output="action.advantage"
)


def compose(surrogate: PPOClip, *filters: Transform) -> Recipe:
    """REINFORCE++ for judges with this surrogate and these filters of advantages."""
    return Recipe(
        rollout=Sample(prompts=128, samples_per_prompt=1),
        rewards=(Verifier(), Scored(Tags()), Scored(Consistency())),
        shaping=(Modulate(), WeightedSum({"format": 0.5, "consistency": 0.0})),
        credit=(LastAction(), KLReward(0.001, "k1", "action.reward")),
        advantage=(ReturnToGo(), WHITENED, *filters),
        objective=Objective(surrogate, SeqMeanTokenMean()),
        update=Update(lr=1e-6, minibatches=4),
    )


PRE_CLIP = PPOClip(dual_clip=None, log_ratio_bounds=(math.log(1e-3), math.log(1e3)))
RECIPE = compose(PRE_CLIP, DropOutliers())
PLAIN = compose(PPOClip(dual_clip=None, log_ratio_bounds=(None, None)))


@claim("A log ratio of 800 with A = -1 costs 1000 and has no gradient; without the bounds it overflows")
def bounded(seed: int) -> Evidence:
    logprob, losses = torch.tensor([800.0], dtype=torch.float64, requires_grad=True), []
    batch = ragged([[0.0]], columns={"traj.advantage": [-1.0], "token.old_logprob": [0.0]})
    for recipe in (RECIPE, PLAIN):
        losses.append(recipe.objective.surrogate(batch.with_columns({"token.logprob": logprob})).values.sum())
    (slope,) = torch.autograd.grad(losses[0], logprob)
    loss, plain = (float(each.detach()) for each in losses)
    right = float(slope) == 0.0 and math.isinf(plain)
    return Evidence(loss if right else math.nan, 1000 - 1e-6, 1000 + 1e-6, note="loss")


@claim("Of 99 zeros and a 100 the 100 is zeroed")
def outlier(seed: int) -> Evidence:
    batch = ragged([[0.0] * 100], columns={"token.advantage": [0.0] * 99 + [100.0]})
    for piece in RECIPE.advantage[1:]:
        batch = batch.with_columns(piece(batch))
    last, least = float(batch["token.advantage"][-1]), float(batch["token.advantage"].min())
    return Evidence(abs(last) + abs(least + 1 / math.sqrt(99)), 0.0, 1e-9, note="error")


@claim("Format 1 and a right, agreeing verdict earn 2, a right but disagreeing one 1, a wrong one 0.5")
def rewards(seed: int) -> Evidence:
    names = {"format": [1.0, 1.0, 1.0], "correct": [1.0, 1.0, 0.0], "consistency": [1.0, -1.0, 1.0]}
    batch = ragged([[0.0] * 3], columns={f"traj.reward/{name}": values for name, values in names.items()})
    for piece in RECIPE.shaping:
        batch = batch.with_columns(piece(batch))
    expected = torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)
    return Evidence(float((batch["traj.reward"] - expected).abs().max()), 0.0, 1e-9, note="largest error")


@cache
def judged(name: str) -> tuple[list[float], list[float]]:
    """Log10 of the largest gradient norm, and exact accuracy after 200 steps with 1% stale samples, per seed."""
    components = ("traj.reward/consistency", "traj.reward/format")
    recipe = dataclasses.replace(
        paper.compositions[name],
        policy=Linear(),
        rollout=Stale(SampleTree(prompts=128, samples_per_prompt=1, reward="correct", extra=components)),
        rewards=(),
        update=Update(lr=0.01, minibatches=4, recompute_old=False),
    )
    norms, accuracies = [], []
    for seed in SEEDS:
        task = PairwiseJudging(seed=seed)
        result = train(recipe, steps=200, seed=seed, task=task)
        norms.append(math.log10(max(entry["grad_norm"] for entry in result.metrics)))
        assert isinstance(result.policy, LinearPolicy)
        with torch.no_grad():
            accuracies.append(task.accuracy(result.policy.rows(torch.arange(task.contexts))))
    return norms, accuracies


@claim(
    "With 1% stale samples its largest gradient is at least 100 times smaller than plain REINFORCE++'s", tier="proxy"
)
def stays_bounded(seed: int) -> Evidence:
    ours, plain = judged("stable")[0], judged("reinforce_pp")[0]
    return compare(ours, plain, "log10 of the largest gradient norm of 200 steps", margin=2.0, lower=True)


@claim("With 1% stale samples it ends at a higher accuracy than plain REINFORCE++", tier="proxy")
def more_accurate(seed: int) -> Evidence:
    return compare(judged("stable")[1], judged("reinforce_pp")[1], "accuracy after 200 steps")


paper = Paper(
    title="R1-Reward: Training Multimodal Reward Model Through Stable Reinforcement Learning",
    arxiv="2505.02835",
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"stable": RECIPE, "reinforce_pp": PLAIN},
    claims=(bounded, outlier, rewards, stays_bounded, more_accurate),
)

"""DeepVideo-R1: Video Reinforcement Fine-Tuning via Difficulty-aware Regressive GRPO.

Idea
    No clip: fit the group-standardised log-ratio of the policy to the group-standardised reward, which is what the
    KL-regularised optimum asks for once its two unknown constants are standardised away.
Maths
    ``objectives/advantage_regression.py``: ``mean_i (A_i - (rho_i - mean rho) / std rho)^2 + beta KL(pi || ref)``.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    A note on the paper prints a minus before the KL, which would reward distance; here it is a penalty. The std of the
    log-ratios has a floor of 0.01, groups of equal rewards are left out, and beta is ours. The loss is scale-free in
    rho: the KL term or few steps per batch keep it small. The augmentation by difficulty (a piece of a solution for hard
    prompts, noise for easy ones) is ``curricula/level_by_reward.py`` over a task with levels; it acts when a prompt
    comes again. Text tasks have no levels, so the recipe leaves it out; ``signal`` logs the share of groups that teach.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.level_by_reward import LevelByReward
from guerdon.objective import Objective
from guerdon.objectives.advantage_regression import AdvantageRegression
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last, solved
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.graded_bandit import GradedBandit
from guerdon.tasks.shared_features import SharedFeatures
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(),),
    objective=Objective(AdvantageRegression(), regularizers=(KLPenalty(0.04),)),
    update=Update(minibatches=4),
)
GRPO = dataclasses.replace(RECIPE, objective=Objective(PPOClip(), regularizers=(KLPenalty(0.04),)))


def loss(ratios: torch.Tensor) -> float:
    """The regression on one group with rewards 1, 0, 0, 1 and 0, at given log-ratios."""
    batch = ragged([[1.0, 0.0, 0.0, 1.0, 0.0]], columns={"token.logprob": ratios, "token.old_logprob": [0.0] * 5})
    batch = batch.with_columns(RECIPE.advantage[0](batch))
    return float(RECIPE.objective.surrogate(batch).values.mean())


def advantages() -> torch.Tensor:
    """Those of that group."""
    return torch.as_tensor(RECIPE.advantage[0](ragged([[1.0, 0.0, 0.0, 1.0, 0.0]]))["traj.advantage"])


@claim("Log-ratios 3.7 A + 5 have loss 0 (below 1e-6)")
def optimum(seed: int) -> Evidence:
    return Evidence(loss(3.7 * advantages() + 5), 0.0, 1e-6, note="loss")


@claim("At the old policy the loss is the mean of A squared")
def start(seed: int) -> Evidence:
    error = abs(loss(torch.zeros(5, dtype=torch.float64)) - float(advantages().square().mean()))
    return Evidence(error, 0.0, 1e-12, note="error")


def toy(recipe: Recipe) -> Recipe:
    """A bandit with shared features; the reference is the initial policy."""
    objective = dataclasses.replace(recipe.objective, regularizers=(KLPenalty(0.001),))
    return dataclasses.replace(
        recipe,
        task=SharedFeatures(),
        policy=Linear(),
        rollout=SampleTree(prompts=32, samples_per_prompt=8),
        rewards=(),
        objective=objective,
        update=Update(lr=0.02, minibatches=4),
    )


@claim("On a bandit with shared features it comes within 3 points of GRPO", tier="proxy")
def close_to_grpo(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 300, solved()) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "exact success probability after 300 steps", margin=-0.03)


def graded(augmented: bool) -> Recipe:
    """The toy on prompts with or without levels."""
    if augmented:
        return dataclasses.replace(toy(RECIPE), task=GradedBandit(), curriculum=LevelByReward())
    return dataclasses.replace(toy(RECIPE), task=GradedBandit(hints=0, noises=0))


@claim("Hints and noise by difficulty at least halve the share of groups without signal", tier="proxy")
def more_signal(seed: int) -> Evidence:
    ours, plain = ([1 - share for share in finals(graded(on), 200, last("signal", 200))] for on in (True, False))
    half = [share / 2 for share in plain]
    return compare(
        ours, half, "share of groups of equal rewards over 200 steps, against half of that without", lower=True
    )


paper = Paper(
    title="DeepVideo-R1: Video Reinforcement Fine-Tuning via Difficulty-aware Regressive GRPO",
    arxiv="2506.07464",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"grpo": GRPO},
    claims=(optimum, start, close_to_grpo, more_signal),
)

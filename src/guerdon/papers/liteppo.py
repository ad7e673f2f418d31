"""Part I: Tricks or Traps? A Deep Dive into RL for LLM Reasoning (Liu et al., 2025): Lite PPO.

Idea
    Of all tricks two are enough: centre on the group, divide by the standard deviation of the whole batch, and average
    the loss over tokens; no critic, no KL.
Maths
    ``A_i = (R_i - mean_g) / (std_batch(R) + eps)`` with the std of all raw rewards; clip 0.2; token mean.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Recalled, checked against TRL's ``scale_rewards="batch"``. DLER and REINFORCE++-baseline look alike and divide by the
    std of the *centred* advantages instead.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, exact_pass_at_k, finals
from guerdon.papers.passk import GRPO_TOY, TEST
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(scale="batch"),),
    objective=Objective(PPOClip(0.2, 0.2), TokenMean()),
    update=Update(minibatches=4),
)
TOY = dataclasses.replace(GRPO_TOY, advantage=RECIPE.advantage)
SEEDS = (0, 1, 2, 3)


@claim("(1, 1, 1, 0) and (0, 0, 0, 1) are centred apart and divided by one std, that of all eight rewards")
def one_std(seed: int) -> Evidence:
    rewards = [[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    flat = torch.tensor(rewards, dtype=torch.float64)
    expected = (flat - flat.mean(1, keepdim=True)) / flat.flatten().std()
    got = torch.as_tensor(RECIPE.advantage[0](ragged(rewards))["traj.advantage"])
    return Evidence(float((got - expected.flatten()).abs().max()), 0.0, 1e-5, note="largest error")


@claim("Lite PPO reaches a higher held-out pass@1 than GRPO", tier="proxy")
def pass_at_1(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 400, exact_pass_at_k(1, TEST), SEEDS) for recipe in (TOY, GRPO_TOY))
    return compare(ours, baseline, "exact held-out pass@1 after 400 steps")


@claim("It pays with diversity: a lower held-out pass@16 than GRPO", tier="proxy")
def pass_at_16(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 400, exact_pass_at_k(16, TEST), SEEDS) for recipe in (TOY, GRPO_TOY))
    return compare(ours, baseline, "exact held-out pass@16 after 400 steps", lower=True)


paper = Paper(
    title="Part I: Tricks or Traps? A Deep Dive into RL for LLM Reasoning",
    arxiv="2508.08221",
    kind="analysis",
    source="recalled",
    year=2025,
    authors="Liu et al.",
    recipe=RECIPE,
    compositions={"grpo": dataclasses.replace(RECIPE, advantage=(Standardize(),))},
    claims=(one_std, pass_at_1, pass_at_16),
)

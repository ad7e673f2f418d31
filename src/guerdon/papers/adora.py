"""ADORA: Training Reasoning Models with Dynamic Advantage Estimation on Reinforcement Learning.

Idea
    Keep full advantages for prompts whose rollouts look useful now (the longest right answer is longer than the
    average wrong one) and shrink the others.
Maths
    ``A_i = w_g A_i^GRPO`` with ``w_g = 1`` if max length(right) > mean length(wrong), else lambda = 0.1. Language variant:
    right is a reward above 1.01 (right and well formed earn 2), wrong responses that were cut do not count.
Reads
    ``traj.reward``, the lengths, ``action.logprob``, ``action.old_logprob``.
Deviations
    w_g weighs the loss, which is the same as weighing the advantage. The released variants disagree where no response
    is wrong: weight 1 (language), lambda (vision, ``VISION``); where none is right, lambda (language) and 1 (vision).
    Lengths are small here (released: 4054 and 4094).
"""

import torch

from guerdon.advantages.longest_right import LongestRight
from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import chain
from guerdon.papers._proxy import compare, finals, last
from guerdon.papers.grpo_lambda import compose as grpo
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.scorers.format import Tags
from guerdon.update import Update

BUDGET = 64
"""Longest response, in tokens."""


def compose(weight: LongestRight, *rewards: Transform) -> Recipe:
    """GRPO whose groups are weighed."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
        rewards=(Verifier(), *rewards),
        advantage=(weight, Standardize()),
        objective=Objective(PPOClip(), weights=(RowWeight("group.weight"),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(LongestRight(right_above=1.01, cut_at=BUDGET), Scored(Tags()))
VISION = compose(LongestRight(cut_at=BUDGET, no_right=1.0, no_wrong=0.1))


@claim("Rewards 2, 0, 0, 2 with lengths 50, 80, 90, 60 weigh 0.1 and with a right one of 500 they weigh 1")
def weights(seed: int) -> Evidence:
    piece = LongestRight(right_above=1.01, cut_at=4054)
    batch = ragged([[2.0, 0.0, 0.0, 2.0]] * 2, [50, 80, 90, 60, 500, 80, 90, 60])
    got = torch.as_tensor(piece(batch)["group.weight"])
    return Evidence(float((got - torch.tensor([0.1, 1.0])).abs().max()), 0.0, 1e-7, note="largest error")


@claim(
    "With all right the language variant weighs 1 and the vision variant 0.1; with all wrong it is the other way round"
)
def empty_sets(seed: int) -> Evidence:
    batch = ragged([[2.0, 2.0], [0.0, 0.0]], [5, 6, 7, 8])
    got = torch.stack([torch.as_tensor(each.advantage[0](batch)["group.weight"]) for each in (RECIPE, VISION)])
    error = (got - torch.tensor([[1.0, 0.1], [0.1, 1.0]])).abs().max()
    return Evidence(float(error), 0.0, 1e-7, note="largest error")


@claim("In the first 50 steps responses grow faster than with GRPO", tier="proxy")
def grows(seed: int) -> Evidence:
    toys = (chain(compose(LongestRight())), chain(grpo()))
    ours, baseline = (finals(toy, 50, last("length", 10), (0, 1, 2)) for toy in toys)
    return compare(ours, baseline, "response length after 50 steps")


paper = Paper(
    title="ADORA: Training Reasoning Models with Dynamic Advantage Estimation on Reinforcement Learning",
    arxiv=None,
    kind="method",
    source="code",
    recipe=RECIPE,
    compositions={"vision": VISION},
    claims=(weights, empty_sets, grows),
)

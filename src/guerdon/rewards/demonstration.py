"""A reward learned from demonstrations alone: what they have and the policy's responses lack (drirl).

Idea
    Maximum-likelihood inverse RL: the reward rises on demonstrations and falls on what the policy does now; where the
    policy does as demonstrated nothing is left to learn.
Maths
    ``r_j(x, y) = w_j phi(x, y)`` for category j. Before scoring, per category,
    ``w_j <- w_j + lr (mean (phi(demo) - phi(response)) / beta - decay w_j)``.
Reads
    ``traj.features``, ``traj.demo_features`` ``[traj, d]``, the number of the category.
Deviations
    A linear reward on features that are given, and one gradient step per batch; the decay, which bounds the weights, is
    ours. The policy's KL is the objective's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


class LinearRewards(nn.Module):
    """Weights ``[category, d]``, 0 at the start."""

    weights: Tensor

    def __init__(self, categories: int, width: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(categories, width))


@dataclass(frozen=True)
class DemonstrationReward(Transform):
    """``w_j phi``, w_j moved towards the demonstrations and away from the responses of its category."""

    width: int
    """d: features."""
    categories: int = 1
    """Number of rewards."""
    lr: float = 0.1
    """Step of the weights."""
    beta: float = 1.0
    """Temperature of the KL-regularised policy that the reward is for."""
    decay: float = 0.01
    """Pull of the weights towards 0, per unit of lr."""

    reads = ("traj.features", "traj.demo_features", "traj.category")
    writes = ("traj.reward/demonstration", "traj.demo_reward")

    def __post_init__(self) -> None:
        if self.width < 1 or self.categories < 1 or not self.lr > 0 or not self.beta > 0 or self.decay < 0:
            raise GuerdonError(f"DemonstrationReward needs positive width, categories, lr and beta, got {self}")

    def init_state(self) -> LinearRewards:
        """Rewards of 0."""
        return LinearRewards(self.categories, self.width)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The rewards of the response and of the demonstration, ``[traj]``; moves the weights first."""
        mine, demo, category = batch["traj.features"], batch["traj.demo_features"], batch["traj.category"].long()
        if mine.shape[1:] != (self.width,) or (len(category) and int(category.max()) >= self.categories):
            raise GuerdonError(
                f"DemonstrationReward needs {self.width} features and categories below {self.categories}, got "
                f"features of shape {tuple(mine.shape[1:])} and {category.unique().tolist()}"
            )
        gap = segment.mean((demo - mine).to(state.weights), category, self.categories)
        seen = segment.count(category, self.categories)[:, None] > 0
        step = gap / self.beta - self.decay * state.weights
        state.weights.add_(torch.where(seen, self.lr * step, torch.zeros_like(step)))
        weights = state.weights.to(mine)[category]
        return {"traj.reward/demonstration": (weights * mine).sum(1), "traj.demo_reward": (weights * demo).sum(1)}

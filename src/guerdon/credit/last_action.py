"""The outcome reward on the last action of the trajectory, 0 on all others: what GAE and return-to-go start from.

Idea
    The plainest credit: it says nothing about which action earned the reward.
Reads
    ``traj.reward``.
Deviations
    A trajectory without actions keeps its reward to itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.axes import ACTION
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class LastAction(Transform):
    """``r_t = R`` at the last action of a trajectory, 0 before it."""

    level: str = ACTION
    """Level that the reward is placed at: ``action``, or ``step`` for the last turn."""

    reads = ("traj.reward",)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward of the level."""
        return (f"{self.level}.reward",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``LEVEL.reward``; NaN on the last action where the trajectory is unscored."""
        index, size = batch.index(self.level, "traj"), batch.size("traj")
        ones = torch.ones(len(index), device=index.device)
        is_last = segment.shift(ones, index, size) == 0
        reward = batch["traj.reward"][index]
        return {f"{self.level}.reward": torch.where(is_last, reward, torch.zeros_like(reward))}

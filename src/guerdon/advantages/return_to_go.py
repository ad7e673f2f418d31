"""Discounted return to go as advantage: REINFORCE without a critic (baseline-reinforcepp).

Maths
    ``G_t = r_t + discount G_{t+1}`` inside a trajectory.
Reads
    ``action.reward`` by default.
Deviations
    None. Unscored trajectories get 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.advantages.standardize import wholly_scored
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class ReturnToGo(Transform):
    """``G_t = r_t + discount G_{t+1}``, as advantage and as return."""

    discount: float = 1.0
    """gamma."""
    reward: str = "action.reward"
    """Reward column; its level is that of the result."""
    advantage: str = "action.advantage"
    """Where the advantage goes."""
    returns: str = "action.return"
    """Where the same numbers go as a target for a critic."""

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1:
            raise GuerdonError(f"ReturnToGo.discount must lie in [0, 1], got {self.discount}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward."""
        return (self.reward,)

    @property
    def writes(self) -> tuple[str, ...]:
        """Advantage and return."""
        return (self.advantage, self.returns)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Both columns, ``[level of the reward]``."""
        level = split_name(self.reward)[0]
        reward = batch[self.reward]
        reward = reward if reward.is_floating_point() else reward.to(torch.get_default_dtype())
        index, size = batch.index(level, "traj"), batch.size("traj")
        kept = torch.where(wholly_scored(batch, reward, level), reward, 0.0)
        total = segment.discounted_sum(kept, index, size, self.discount)
        return {self.advantage: total, self.returns: total}

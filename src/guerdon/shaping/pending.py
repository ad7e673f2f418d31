"""The reward of a response that is still going on: none yet, which is a number, not a missing score (t_ppo).

Idea
    A verifier's word on half a response means nothing; its value estimate stands in for what is to come.
Maths
    ``R_i = 0`` where i is not finished.
Reads
    ``traj.reward`` and a boolean column.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class Pending(Transform):
    """``R_i = value`` where ``finished`` is false, also if it was unscored."""

    finished: str = "traj.finished"
    """Boolean column of the trajectories."""
    value: float = 0.0
    """What counts until then."""

    writes = ("traj.reward",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and which are finished."""
        return ("traj.reward", self.finished)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward``."""
        reward = batch["traj.reward"]
        return {"traj.reward": torch.where(batch[self.finished], reward, torch.full_like(reward, self.value))}

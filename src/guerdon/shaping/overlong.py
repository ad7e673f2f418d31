"""DAPO's soft punishment of responses near the length cap (baseline-dapo).

Maths
    ``r = factor min(0, (limit - buffer - length) / buffer)``: 0 up to ``limit - buffer``, ``-factor`` at the limit.
Reads
    The number of actions of each trajectory.
Deviations
    A reward component of its own, so that accuracy stays visible beside it. A response cut at the limit cannot be
    longer, so the penalty ends there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class OverlongPenalty(Transform):
    """``factor min(0, (limit - buffer - length) / buffer)``."""

    limit: int
    """Longest response, in actions."""
    buffer: int
    """How long before it the penalty begins."""
    factor: float = 1.0
    """Penalty at the limit."""

    writes = ("traj.reward/overlong",)

    @property
    def moot(self) -> str:
        """Whether it costs nothing."""
        return "costs nothing: its factor is 0" if self.factor == 0 else ""

    @property
    def acts_beyond(self) -> int:
        """Where the penalty begins."""
        return self.limit - self.buffer

    def __post_init__(self) -> None:
        if not 0 < self.buffer <= self.limit:
            raise GuerdonError(f"OverlongPenalty needs 0 < buffer <= limit, got {self.buffer} and {self.limit}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/overlong``, ``[traj]``."""
        length = segment.count(batch.index("action", "traj"), batch.size("traj"))
        over = (self.limit - self.buffer - length) / self.buffer
        return {"traj.reward/overlong": self.factor * torch.clamp(over, max=0.0)}

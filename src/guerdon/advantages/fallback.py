"""Another advantage for the groups in which one is extreme (hapo).

Idea
    Statistics that count a response once per token can be those of one long response; where that blows an advantage up,
    take the plain ones for the whole group.
Maths
    ``A <- B`` in every group with some ``|A_i| >= limit``.
Reads
    ``column`` and ``otherwise``, both per trajectory.
Deviations
    None.
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
class Fallback(Transform):
    """``A <- B`` in every group with some ``|A_i| >= limit``."""

    limit: float = 5.0
    """From which size on an advantage is extreme."""
    column: str = "traj.advantage"
    """A, changed in place."""
    otherwise: str = "traj.plain_advantage"
    """B."""

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise GuerdonError(f"Fallback.limit must be positive, got {self.limit}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Both advantages."""
        return (self.column, self.otherwise)

    @property
    def writes(self) -> tuple[str, ...]:
        """The advantage."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The advantage, ``[traj]``."""
        values, index = batch[self.column], batch.index("traj", "group")
        extreme = segment.count_true(values.abs() >= self.limit, index, batch.size("group")) > 0
        return {self.column: torch.where(extreme[index], batch[self.otherwise], values)}

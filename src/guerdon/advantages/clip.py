"""Bounded advantages: no single trajectory may dominate a step.

Maths
    A <- clip(A, -limit, limit).
Reads
    ``traj.advantage`` (or another column).
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class ClipAdvantage(Transform):
    """``A <- clip(A, -limit, limit)``."""

    limit: float = 5.0
    """Largest absolute value."""
    column: str = "traj.advantage"
    """What to clip."""

    def __post_init__(self) -> None:
        if not self.limit > 0:
            raise GuerdonError(f"ClipAdvantage.limit must be positive, got {self.limit}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The clipped column."""
        return {self.column: batch[self.column].clamp(-self.limit, self.limit)}

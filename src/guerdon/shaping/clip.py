"""A column cut to an interval: rewards (baseline-rloo) or advantages (baseline-ddpo).

Maths
    ``x <- min(max(x, low), high)``.
Reads
    ``column``, by default ``traj.reward``.
Deviations
    None. Unscored rows stay unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class Clip(Transform):
    """``x <- min(max(x, low), high)``."""

    low: float | None
    """Smallest value; None: no limit."""
    high: float | None
    """Largest value; None: no limit."""
    column: str = "traj.reward"
    """What to change in place."""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise GuerdonError("Clip.low or high must be a number, got None twice; without them nothing is clipped")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise GuerdonError(f"Clip.low must not exceed high, got {self.low} and {self.high}")

    @property
    def lets_through(self) -> tuple[float | None, float | None]:
        """Both ends."""
        return (self.low, self.high)

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
        return {self.column: batch[self.column].clamp(self.low, self.high)}

"""A reward cut to an interval (baseline-rloo).

Maths
    ``R <- min(max(R, low), high)``.
Reads
    ``column``, by default ``traj.reward``.
Deviations
    None. Unscored rewards stay unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class ClipReward(Transform):
    """``R <- min(max(R, low), high)``."""

    low: float | None
    """Smallest reward; None: no limit."""
    high: float | None
    """Largest reward; None: no limit."""
    column: str = "traj.reward"
    """The reward to change in place."""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise GuerdonError(
                "ClipReward.low or high must be a number, got None twice; without them nothing is clipped"
            )
        if self.low is not None and self.high is not None and self.low > self.high:
            raise GuerdonError(f"ClipReward.low must not exceed high, got {self.low} and {self.high}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The clipped reward."""
        return {self.column: batch[self.column].clamp(self.low, self.high)}

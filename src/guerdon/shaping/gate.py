"""A reward component that counts only where another column says so (noisy).

Idea
    Some rewards are meant for some responses only: partial credit for answers that were judged wrong, a style bonus
    for those that were right.
Maths
    ``x <- factor x [low <= y < high]``.
Reads
    ``component`` (changed in place) and ``by``.
Deviations
    A component that is unscored where it does not count is 0. Where ``by`` is unscored, so is the component.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class Gate(Transform):
    """``x <- factor x [low <= y < high]``."""

    component: str
    """The component to change in place, such as ``traj.reward/format``."""
    low: float | None = None
    """Smallest y where it counts; None: no limit."""
    high: float | None = None
    """It counts below this y; None: no limit."""
    by: str = "traj.reward/correct"
    """y: the column that decides."""
    factor: float = 1.0
    """Weight where it counts."""

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise GuerdonError("Gate.low or high must be a number, got None twice; without them the gate is open")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise GuerdonError(f"Gate.low must be below high, got {self.low} and {self.high}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The component and the column that decides."""
        return (self.component, self.by)

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (self.component,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        values, deciding = batch[self.component], batch[self.by]
        counts = torch.ones_like(deciding, dtype=torch.bool)
        counts = counts if self.low is None else counts & (deciding >= self.low)
        counts = counts if self.high is None else counts & (deciding < self.high)
        gated = torch.where(counts, self.factor * values, torch.zeros_like(values))
        return {self.component: torch.where(deciding.isnan(), torch.full_like(values, torch.nan), gated)}

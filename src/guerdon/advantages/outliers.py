"""Advantages far from all others, taken out (stable_reinforce).

Idea
    One reward that is off by much makes a gradient that outweighs the whole batch.
Maths
    ``A <- 0`` where ``|A - mean| > sigmas std`` over the trained rows of the batch, population std.
Reads
    ``column``, by default ``action.advantage``; ``action.mask`` if present; ``traj.reward`` tells which rows are unscored.
Deviations
    On a standardised column the rule is ``|A| > sigmas``. Rows that become 0 stay in the count. Values that are not
    finite become 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class DropOutliers(Transform):
    """``A <- 0`` where ``|A - mean| > sigmas std``."""

    sigmas: float = 3.0
    """How many standard deviations from the mean are kept."""
    column: str = "action.advantage"
    """What to filter, in place."""

    def __post_init__(self) -> None:
        if not self.sigmas > 0:
            raise GuerdonError(f"DropOutliers.sigmas must be positive, got {self.sigmas}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The filtered column."""
        values = batch[self.column]
        score = Standardize("batch", "batch", eps=0.0, ddof=0, column=self.column, output=self.column)
        distance = torch.as_tensor(score(batch)[self.column]).abs()
        kept = values.isfinite() & (distance <= self.sigmas)
        return {self.column: torch.where(kept, values, torch.zeros_like(values))}

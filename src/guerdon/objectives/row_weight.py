"""A column as a weight of the surrogate, or as a mask of the rows that are trained.

Idea
    What an upstream piece has worked out per action or per trajectory (a token's entropy rank, a source's weight,
    whether the response was cut) enters the loss here. A weight leaves the count of rows alone; a mask takes rows out
    of it.
Reads
    The column.
Deviations
    TRL's ``mask_truncated_completions`` is ``MaskWhere("traj.truncated")``; its top-entropy mask is a weight.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform, Weight


@dataclass(frozen=True)
class RowWeight(Weight):
    """``w = column``, spread to the actions."""

    column: str
    """Numbers or booleans at any level."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``."""
        values = batch[f"action.{split_name(self.column)[1]}"]
        return values if values.is_floating_point() else values.float()


@dataclass(frozen=True)
class MaskWhere(Transform):
    """``action.mask`` becomes false where the boolean column is true."""

    column: str = "traj.truncated"
    """Boolean column at any level."""

    writes = ("action.mask",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.mask``, never larger than before."""
        return {"action.mask": trained(batch) & ~batch[f"action.{split_name(self.column)[1]}"]}

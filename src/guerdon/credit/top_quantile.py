"""A weight that keeps the rows in the top (or bottom) share of a column over the whole batch (forking).

Idea
    Most of a policy-gradient update can be carried by the few tokens at which the policy is undecided.
Maths
    ``tau = quantile(x, 1 - share)`` over the trained actions, linear interpolation; ``w = [x >= tau]``. With
    ``lowest`` the complement: ``w = [x < quantile(x, share)]`` with ``share`` the part that is kept.
Reads
    ``column``, by default ``action.old_entropy``, of all trained actions; writes ``action.top``.
Deviations
    TRL takes the entropies of the current policy at the first inner step, which are those of ``old_entropy``. Ties at
    tau keep more than ``share``. Rows that are not trained get 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


@dataclass(frozen=True)
class TopQuantile(Transform):
    """``action.top = [x >= quantile(x, 1 - share)]``; use it as ``RowWeight("action.top")``."""

    share: float = 0.2
    """Part of the trained actions that is kept."""
    lowest: bool = False
    """Keep the lowest part instead."""
    column: str = "action.old_entropy"
    """What is ranked, over the whole batch."""

    writes = ("action.top",)

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise GuerdonError(f"TopQuantile.share must lie in (0, 1], got {self.share}; it is the part to keep")

    @property
    def moot(self) -> str:
        """Whether everything is the top."""
        return "keeps every action: its share is 1" if self.share == 1 and not self.lowest else ""

    def remark(self, batch: Batch) -> str:
        """Whether ties have made everything the top."""
        rows = trained(batch)
        if self.share == 1 or self.lowest or int(rows.sum()) < 2 or not bool(batch["action.top"][rows].all()):
            return ""
        return f"kept every action instead of a share of {self.share:g}: all values of {self.column} are equal"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.top`` ``[action]``, boolean."""
        values, rows = batch[self.column], trained(batch)
        if not bool(rows.any()):
            return {"action.top": torch.zeros_like(rows)}
        quantile = self.share if self.lowest else 1 - self.share
        ordered = values[rows].sort().values
        place = quantile * (len(ordered) - 1)
        low = ordered[int(place)]
        # Not torch.quantile: it refuses more than 16 million values.
        threshold = low + (place - int(place)) * (ordered[min(int(place) + 1, len(ordered) - 1)] - low)
        return {"action.top": rows & ((values < threshold) if self.lowest else (values >= threshold))}

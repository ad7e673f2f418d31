"""Whitening over all trained actions of the batch (baseline-ppo, baseline-reinforcepp).

Maths
    ``(x - mean) * rsqrt(var + eps)`` with the unbiased variance; a trajectory counts once per action. With
    ``center=False`` the mean is put back afterwards.
Reads
    ``column``; ``action.mask`` if present; ``traj.reward`` tells which rows are unscored.
Deviations
    One action alone gives 0, where verl raises. Rows that are unscored or masked are in no statistic and get 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.advantages.standardize import scored_rows
from guerdon.axes import ACTION, split_name
from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


@dataclass(frozen=True)
class Whiten(Transform):
    """``(x - mean) * rsqrt(var + eps)`` over the trained actions of the batch."""

    center: bool = True
    """Whether to leave the mean out of the result."""
    eps: float = 1e-8
    """Added to the variance."""
    column: str = "action.advantage"
    """What to whiten, in place of itself; a coarser column is spread to the actions first."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The same name at its level."""
        return (self.column,)

    @property
    def invariant(self) -> frozenset[str]:
        """A shift and, up to eps, a scale that all rows share."""
        return frozenset({"shift", "scale"} if self.center else ())

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The whitened column; 0 at rows that are unscored or not trained."""
        level = split_name(self.column)[0]
        values = batch[self.column]
        where = scored_rows(batch, level) & values.isfinite()
        if level in (ACTION, batch.action):
            where = where & trained(batch)
        one = torch.zeros(len(values), dtype=torch.int64, device=values.device)
        anchor = segment.first(values, one, 1, where)
        mean = segment.mean(values - anchor, one, 1, where)
        var = segment.var(values, one, 1, where)
        result = (values - anchor - mean) * torch.rsqrt(var + self.eps)
        result = result if self.center else result + mean + anchor
        return {self.column: torch.where(where, result, torch.zeros_like(result))}

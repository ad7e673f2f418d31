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

from guerdon.advantages.standardize import Pool, scored_rows
from guerdon.axes import ACTION, split_name
from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained_counts
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
        level = batch.action if level == ACTION else level
        of_actions = level == batch.action
        # A trajectory's number is weighed by its actions, and spread when all is done.
        at = found if of_actions and (found := batch.level_of(self.column)) in ("step", "traj") else level
        values = batch[f"{at}.{split_name(self.column)[1]}"]
        where, times = scored_rows(batch, at) & values.isfinite(), None
        if at != level:
            times = trained_counts(batch, at)
            where = where & (times > 0)
        elif of_actions and "action.mask" in batch:
            where = where & batch["action.mask"]
        one = torch.zeros(len(values), dtype=torch.int64, device=values.device)
        pool = Pool(values, where, one, one, where, 1, times)
        result = pool.mean_removed(values) * torch.rsqrt(pool.var(1) + self.eps)
        result = torch.where(where, result if self.center else result + pool.mean, 0.0)
        if at != level:
            result = batch.down(result, at, level)
            result = torch.where(batch["action.mask"], result, 0.0) if "action.mask" in batch else result
        return {self.column: result}

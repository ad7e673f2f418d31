"""DAPO's dynamic sampling: groups whose rewards are all equal are dropped and replaced (baseline-dapo).

Idea
    A group without spread has advantage 0; a batch full of them is a smaller batch than it looks.
Maths
    Keep a group iff the standard deviation of its ``column`` is positive, or it has a single trajectory.
Reads
    ``column``, by default ``traj.reward``; an accuracy component where shaped rewards would hide equal outcomes.
Deviations
    Unscored trajectories do not count; a group without a scored one is dropped. ``Recipe.max_refills`` bounds the
    search; the loop stops with a sentence where every group was dropped.
"""

from dataclasses import dataclass

from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.piece import Filter


@dataclass(frozen=True)
class DynamicSampling(Filter):
    """Keep the groups with ``std(column) > 0``."""

    column: str = "traj.reward"
    """What must differ inside a group."""

    drops_equal_groups = True
    invariant = frozenset({"scale", "group_scale", "shift", "group_shift"})

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[group]``."""
        values = batch[self.column]
        index, size, where = batch.index("traj", "group"), batch.size("group"), values.isfinite()
        single = (segment.count(index, size) == 1) & (segment.count(index, size, where) == 1)
        return (segment.std(values, index, size, where) > 0) | single

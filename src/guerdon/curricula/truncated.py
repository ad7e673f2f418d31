"""Responses cut off at the length limit, taken out of the batch.

Idea
    A cut response was scored without its end, so its reward says little about the tokens it has, and it moves the
    statistics of its group. ``objectives/row_weight.py``'s ``MaskWhere`` is the milder remedy: it leaves the response
    in the statistics and takes no gradient from it.
Reads
    ``traj.truncated``.
Deviations
    None.
"""

from dataclasses import dataclass

from torch import Tensor

from guerdon.batch import Batch
from guerdon.piece import Filter


@dataclass(frozen=True)
class DropTruncated(Filter):
    """Keep the trajectories that ended by themselves."""

    level = "traj"
    reads = ("traj.truncated",)

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[traj]``."""
        return ~batch["traj.truncated"]

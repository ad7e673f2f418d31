"""Responses cut off at the length limit: kept out of the loss, or out of the batch.

Idea
    A cut response was scored without its end, so its reward says little about the tokens it has. Masking leaves it
    in the group's statistics and takes no gradient from it (TRL's ``mask_truncated_completions``); dropping takes it
    out of the statistics too.
Reads
    ``traj.truncated``, and ``action.mask`` if there is one.
Deviations
    None. Masked actions do not count in the loss normalisers either, as in TRL.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained
from guerdon.piece import Filter, Transform


@dataclass(frozen=True)
class MaskTruncated(Transform):
    """``mask_it = mask_it and not truncated_i``; a Transform of the shaping, credit or advantage slot."""

    reads = ("traj.truncated",)
    writes = ("action.mask",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.mask``, boolean ``[action]``."""
        return {"action.mask": trained(batch) & ~batch["action.truncated"]}


@dataclass(frozen=True)
class DropTruncated(Filter):
    """Keep the trajectories that ended by themselves."""

    level = "traj"
    reads = ("traj.truncated",)

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[traj]``."""
        return ~batch["traj.truncated"]

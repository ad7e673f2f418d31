"""The simplest reward on a sample: how far it lies in one direction.

Maths
    r = sum_d direction_d x_d.
Reads
    ``traj.sample`` [traj, dim].
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class Projection(Transform):
    """``r = direction . x`` of each sample."""

    direction: tuple[float, ...] = (1.0,)
    """One weight per dimension."""

    reads = ("traj.sample",)
    writes = ("traj.reward/projection",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/projection``, ``[traj]``.

        Raises:
            GuerdonError: if the direction does not have the samples' dimension.
        """
        sample = batch["traj.sample"]
        if len(self.direction) != sample.shape[1]:
            raise GuerdonError(
                f"Projection.direction must have {sample.shape[1]} numbers, one per dimension of the samples, "
                f"got {len(self.direction)}"
            )
        return {"traj.reward/projection": sample @ sample.new_tensor(self.direction)}

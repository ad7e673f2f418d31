"""Groups whose mean reward lies in a band: neither solved nor out of reach (World-Gymnast; rubicon's central quantiles).

Maths
    Keep a group iff ``low <= mean(column) <= high``; with ``quantiles`` the limits are these quantiles of the means of
    the batch's groups.
Reads
    ``column``.
Deviations
    Unscored trajectories do not count; a group without a scored one is dropped. Where a judge calls failures a success at
    a rate above ``low``, prompts that cannot be solved stay.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Filter


@dataclass(frozen=True)
class MeanBand(Filter):
    """Keep the groups with ``low <= mean(column) <= high``."""

    low: float = 0.1
    """Smallest mean that is kept, or its quantile."""
    high: float = 0.9
    """Largest mean that is kept, or its quantile."""
    column: str = "traj.reward"
    """What is averaged."""
    quantiles: bool = False
    """The limits are quantiles over the groups of the batch, in 0..1."""

    def __post_init__(self) -> None:
        if not self.low <= self.high or (self.quantiles and not 0 <= self.low <= self.high <= 1):
            raise GuerdonError(
                f"MeanBand needs low <= high, and both in 0..1 for quantiles, got {self.low} and {self.high}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[group]``."""
        values = batch[self.column]
        index, size, scored = batch.index("traj", "group"), batch.size("group"), values.isfinite()
        known = segment.count(index, size, scored) > 0
        mean = segment.mean(values, index, size, scored).double()
        low, high = self.low, self.high
        if self.quantiles and bool(known.any()):
            low, high = torch.quantile(mean[known], mean.new_tensor([low, high])).tolist()
        return known & (mean >= low) & (mean <= high)

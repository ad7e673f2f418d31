"""What an infraction leaves of a reward: a factor between 1 (none) and ``1 - weight`` (all of it), held for a while (carl).

Idea
    A soft infraction should take part of what is earned and never pay or charge by itself: multiplied with progress it
    makes standing still worth nothing, where a bonus for every clean step pays for it.
Maths
    ``p_t = 1 - weight min(1, sum_j h_tj / limit)``, ``h_tj = max(0, largest x_uj over t - hold < u <= t)``.
    Off the lane: limit 1, weight 1. Overspeed x: ``max(0, 1 - x / limit)``. A flag that halves for 500 steps: weight
    0.5, hold 500. n of 6 comfort limits within 500 steps: six columns of flags, limit 6, weight 0.5.
Reads
    ``column``: excesses or flags of every step, ``[step]`` or ``[step, kinds]``.
Deviations
    None. NaN stays unscored, for as long as it is held.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class SoftFactor(Transform):
    """``p_t = 1 - weight min(1, sum_j h_tj / limit)``."""

    column: str
    """x: excess or flag, such as ``step.overspeed``."""
    output: str
    """Where to write it, such as ``step.reward/speed``."""
    limit: float = 1.0
    """Excess at which the factor has lost its whole weight."""
    weight: float = 1.0
    """What the worst infraction takes."""
    hold: int = 1
    """Steps that an infraction counts for, its own included."""

    def __post_init__(self) -> None:
        if {split_name(name)[0] for name in (self.column, self.output)} != {"step"} or self.column == self.output:
            raise GuerdonError(
                f"SoftFactor.column and output must be two columns of steps, got {self.column} and {self.output}"
            )
        if not self.limit > 0 or not 0 < self.weight <= 1 or self.hold < 1:
            raise GuerdonError(
                "SoftFactor needs limit > 0, weight in (0, 1] and hold >= 1, got "
                f"{self.limit}, {self.weight} and {self.hold}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The infraction."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The factor."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The factor, ``[step]``."""
        excess = batch[self.column]
        excess = excess if excess.is_floating_point() else excess.to(torch.get_default_dtype())
        held = held_max(excess.clamp(min=0), batch.index("step", "traj"), batch.size("traj"), self.hold)
        total = held if held.dim() == 1 else held.flatten(1).sum(1)
        return {self.output: 1 - self.weight * (total / self.limit).clamp(max=1)}


def held_max(values: Tensor, index: Tensor, size: int, window: int) -> Tensor:
    """Largest of the last ``window`` rows of the segment, the row itself included; values are at least 0."""
    reach = 1
    while reach < window:
        # Windows of this reach, put side by side or overlapping, cover one of up to twice the reach.
        by = min(reach, window - reach)
        values = torch.maximum(values, segment.shift(values, index, size, -by))
        reach += by
    return values

"""The increment of a measure of completion as a reward of the step (carl).

Maths
    ``r_t = scale (C_{t+1} - C_t)``, cut at 0 where going back is not to be charged.
Reads
    ``step.completion`` and ``step.next_completion`` by default.
Deviations
    None. NaN stays unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class Progress(Transform):
    """``r_t = scale (C_{t+1} - C_t)``."""

    scale: float = 1.0
    """Reward of a whole unit of completion."""
    monotone: bool = True
    """Whether going back costs nothing."""
    completion: str = "step.completion"
    """C before the step."""
    next_completion: str = "step.next_completion"
    """C after it."""
    output: str = "step.reward/progress"
    """Where to write it."""

    def __post_init__(self) -> None:
        if {split_name(name)[0] for name in (self.completion, self.next_completion, self.output)} != {"step"}:
            raise GuerdonError(f"Progress must read and write columns of steps, got {self}")
        if not self.scale > 0:
            raise GuerdonError(f"Progress.scale must be positive, got {self.scale}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Completion before and after."""
        return (self.completion, self.next_completion)

    @property
    def writes(self) -> tuple[str, ...]:
        """The increment."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The increment, ``[step]``."""
        gain = batch[self.next_completion] - batch[self.completion]
        return {self.output: self.scale * (gain.clamp(min=0) if self.monotone else gain)}

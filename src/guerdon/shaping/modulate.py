"""One reward component raised or lowered by another (stable_reinforce).

Idea
    Some merits count only for what is right: agreement of analysis and verdict is no merit of a wrong verdict.
Maths
    ``r <- r (1 + weight b)``.
Reads
    ``column`` and ``by``.
Deviations
    A ``by`` that is missing (NaN) counts as 0; a ``column`` that is missing stays missing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class Modulate(Transform):
    """``r <- r (1 + weight b)``."""

    weight: float = 0.5
    """How much of r is added where b is 1, and taken away where it is -1."""
    column: str = "traj.reward/correct"
    """r, changed in place."""
    by: str = "traj.reward/consistency"
    """b."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Both columns."""
        return (self.column, self.by)

    @property
    def writes(self) -> tuple[str, ...]:
        """The changed one."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The changed component, ``[traj]``."""
        return {self.column: batch[self.column] * (1 + self.weight * batch[self.by].nan_to_num(0.0))}

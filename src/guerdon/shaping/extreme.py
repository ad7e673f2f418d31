"""The worst or the best of several reward components.

Maths
    ``R_i = min_k r_ik`` or ``max_k r_ik``.
Reads
    The components named in ``of``.
Deviations
    A trajectory with any unscored component is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


@dataclass(frozen=True)
class Extreme(Transform):
    """``R_i = min_k r_ik`` or ``max_k r_ik``."""

    of: tuple[str, ...]
    """The components, by name."""
    which: Literal["min", "max"] = "min"
    """min: as good as its weakest side. max: as good as its strongest."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("Extreme", "of", self.of)
        check_output("Extreme", self.output, self.of)

    @property
    def reads(self) -> tuple[str, ...]:
        """The components."""
        return tuple(map(column_of, self.of))

    @property
    def writes(self) -> tuple[str, ...]:
        """The extreme."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The extreme, ``[traj]``; NaN where a component is NaN."""
        values = table(batch, self.of)
        return {self.output: values.amin(1) if self.which == "min" else values.amax(1)}

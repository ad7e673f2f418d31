"""A distance as a reward that is 1 at the goal (lucy_skg).

Maths
    ``r = exp(-0.5 d / (scale dispersion))^(1 / density)``.
Reads
    ``column``, a distance of at least 0, at any level.
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
class DistanceShape(Transform):
    """``r = exp(-0.5 d / (scale dispersion))^(1 / density)``."""

    column: str = "traj.distance"
    """d: the distance."""
    scale: float = 1.0
    """What counts as one unit of distance."""
    dispersion: float = 1.0
    """How far the reward reaches."""
    density: float = 1.0
    """Above 1 the reward falls more slowly, below more steeply."""
    output: str = "traj.reward/distance"
    """Where to write it, at the level of the distance."""

    def __post_init__(self) -> None:
        if not min(self.scale, self.dispersion, self.density) > 0:
            raise GuerdonError(
                "DistanceShape needs positive scale, dispersion and density, "
                f"got {self.scale}, {self.dispersion} and {self.density}"
            )
        if split_name(self.column)[0] != split_name(self.output)[0] or self.column == self.output:
            raise GuerdonError(
                f"DistanceShape.output must be another column of the same level, got {self.column} and {self.output}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The distance."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward.

        Raises:
            GuerdonError: if a distance is negative.
        """
        distance = batch[self.column]
        if bool((distance < 0).any()):
            raise GuerdonError(f"DistanceShape needs distances of at least 0, got {float(distance.min()):.4g}")
        return {self.output: (-0.5 * distance / (self.scale * self.dispersion * self.density)).exp()}

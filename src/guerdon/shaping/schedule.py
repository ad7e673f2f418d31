"""A number that changes during a run: constant, linear, cosine, in steps or in stages.

Maths
    Between the points (t_j, v_j) and (t_j+1, v_j+1), with ``u = (t - t_j) / (t_j+1 - t_j)``:
    linear ``v_j + u (v_j+1 - v_j)``; cosine ``v_j + (1 - cos pi u)/2 (v_j+1 - v_j)``; step ``v_j``.
    Before the first point its value, from the last one on its value. One point is a constant.
Reads
    ``run.progress`` (0 at the start, 1 at the end) or ``run.step``; the pieces that have a schedule read it.
Deviations
    None.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from guerdon.base import Piece
from guerdon.errors import GuerdonError


@dataclass(frozen=True)
class Schedule(Piece):
    """Piecewise constant, linear or cosine through points (when, value)."""

    points: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    """(when, value), in ascending order of when."""
    shape: Literal["linear", "cosine", "step"] = "linear"
    """How it goes from one value to the next; step: at once, when the next point is reached."""
    by: Literal["progress", "step"] = "progress"
    """What ``when`` is: the share of the run that is done, or the number of the step."""

    def __post_init__(self) -> None:
        times = [when for when, _ in self.points]
        if not times or any(not a < b for a, b in itertools.pairwise(times)):
            raise GuerdonError(f"Schedule.points must be one or more (when, value), ascending, got {self.points}")
        if not all(math.isfinite(number) for point in self.points for number in point):
            raise GuerdonError(f"Schedule.points must be finite numbers, got {self.points}")

    @property
    def fact(self) -> str:
        """The column that it goes by."""
        return f"run.{self.by}"

    def __call__(self, now: float) -> float:
        """The value at a progress or step."""
        if now < self.points[0][0]:
            return self.points[0][1]
        for (begin, value), (end, goal) in itertools.pairwise(self.points):
            if now < end:
                share = (now - begin) / (end - begin)
                share = {"linear": share, "cosine": (1 - math.cos(math.pi * share)) / 2, "step": 0.0}[self.shape]
                return value + share * (goal - value)
        return self.points[-1][1]

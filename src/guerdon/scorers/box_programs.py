"""Programs that build solids from boxes: whether they run, and how much of the wanted solid they fill (CAD-RL).

Idea
    A CAD program is right if its solid is, however it is written. For boxes along the axes the volumes are exact.
Maths
    ``cad_exec = 1[the program runs and gives a solid of positive volume]``;
    ``cad_iou = vol(A & B) / vol(A | B)`` with the wanted solid B, 0 where the program does not run. All faces cut space
    into cells, each of which is wholly inside or outside of every box.
Reads
    ``problem.answer``: the program of the wanted solid.
Deviations
    The paper runs CadQuery; this is a language of its own: ``box(dx,dy,dz)`` has one corner at 0, ``.move(x,y,z)`` moves
    it, and ``+``, ``-`` and ``&`` join, cut and intersect from left to right, without parentheses.
"""

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

NUMBER = r"\s*(-?\d{1,9}(?:\.\d{1,9})?)\s*"
THREE = rf"\({NUMBER},{NUMBER},{NUMBER}\)"
TERM = re.compile(rf"\s*([+&-]?)\s*box\s*{THREE}(?:\s*\.\s*move\s*{THREE})?\s*")

Box = tuple[tuple[float, float], ...]
Solid = Sequence[tuple[str, Box]]
"""Boxes, each with how it is added to those before it."""


@dataclass(frozen=True)
class BoxPrograms(Scorer):
    """``cad_exec``: the program gives a solid; ``cad_iou``: intersection over union with the wanted one."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    most: int = 8
    """Boxes that a program may have; one with more does not run."""

    components = ("cad_exec", "cad_iou")
    trusted = True

    def __post_init__(self) -> None:
        if not 1 <= self.most <= 16:
            raise GuerdonError(f"BoxPrograms.most must lie in 1..16, got {self.most}; cells grow with its third power")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose own program gives no solid."""
        self._wanted(problem)

    def _wanted(self, problem: Problem) -> Solid:
        solid = parse(reference(problem), self.most)
        if solid is None or not volumes(solid, solid)[0] > 0:
            raise GuerdonError(f"problem {problem.id} needs a program of a solid as its answer, got {problem.answer!r}")
        return solid

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """The components, each from 0 to 1."""
        wanted, program = self._wanted(problem), tagged(response, self.tag)
        solid = None if program is None else parse(program, self.most)
        if solid is None or not volumes(solid, solid)[0] > 0:
            return {"cad_exec": 0.0, "cad_iou": 0.0}
        return {"cad_exec": 1.0, "cad_iou": iou(solid, wanted)}


def parse(program: str, most: int = 8) -> Solid | None:
    """The boxes of a program; None if it is no program, a box has no volume, or there are too many."""
    boxes, place = [], 0
    while place < len(program.rstrip()) and len(boxes) <= most:
        found = TERM.match(program, place)
        if not found or bool(found[1]) != bool(boxes):
            return None
        size, corner = [float(x) for x in found.groups()[1:4]], [float(x or 0) for x in found.groups()[4:]]
        if min(size) <= 0:
            return None
        boxes.append((found[1] or "+", tuple((at, at + long) for at, long in zip(corner, size, strict=True))))
        place = found.end()
    return boxes if 1 <= len(boxes) <= most else None


def iou(first: Solid, second: Solid) -> float:
    """Intersection over union of two solids; 0 if both are empty."""
    both, either = volumes(first, second)
    return both / either if either > 0 else 0.0


def volumes(first: Solid, second: Solid) -> tuple[float, float]:
    """Volume of the intersection and of the union of two solids."""
    faces = [sorted({face for _, box in (*first, *second) for face in box[axis]}) for axis in range(3)]
    both, either = [], []
    for cell in itertools.product(*(list(itertools.pairwise(axis)) for axis in faces)):
        inside = [_inside(solid, [(low + high) / 2 for low, high in cell]) for solid in (first, second)]
        if any(inside):
            volume = math.prod(high - low for low, high in cell)
            either.append(volume)
            both.append(volume if all(inside) else 0.0)
    return math.fsum(both), math.fsum(either)


def _inside(solid: Solid, point: Sequence[float]) -> bool:
    inside = False
    for how, box in solid:
        here = all(low < at < high for at, (low, high) in zip(point, box, strict=True))
        inside = (inside or here) if how == "+" else (inside and here) if how == "&" else (inside and not here)
    return inside

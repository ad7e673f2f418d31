"""Pointing: a predicted point inside one of several boxes, or near one of several points.

Maths
    ``1[min over targets of the Euclidean distance to the target <= distance]``; the distance to a box is 0 inside it and
    on its border.
Reads
    ``problem.answer``: a box ``[x1, y1, x2, y2]``, a point ``[x, y]``, or a list of such, each of which is accepted.
Deviations
    The last point of a response counts: ``(x, y)``, ``[x, y]``, an object with numbers ``x`` and ``y``, or the centre of
    a box. Several accepted targets of which all must be found are another rule.
"""

import json
import math
import re
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.boxes import Box, predicted
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

_OBJECT = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class PointHit(Scorer):
    """1 if the predicted point lies in, or within ``distance`` of, an accepted target, else 0."""

    distance: float = 0.0
    """How far from a target a point may lie, in the unit of the coordinates."""
    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "hit"
    trusted = True

    def __post_init__(self) -> None:
        if not 0 <= self.distance < math.inf:
            raise GuerdonError(f"PointHit.distance must be 0 or more, got {self.distance}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without targets, or with a mere point where only a hit of the very point would count."""
        accepted = targets(problem)
        if self.distance == 0 and any(box[:2] == box[2:] for box in accepted):
            raise GuerdonError(
                f"problem {problem.id} has a point for a target, which needs PointHit.distance > 0, got 0"
            )

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        accepted, point = targets(problem), pointed(tagged(response, self.tag) or "")
        return float(point is not None and min(gap(point, box) for box in accepted) <= self.distance)


def targets(problem: Problem) -> list[Box]:
    """The accepted targets; a point is a box of size zero.

    Raises:
        GuerdonError: if the answer is something else.
    """
    try:
        given = json.loads(reference(problem))
        rows = given if given and isinstance(given[0], list) else [given]
        boxes = [tuple(float(number) for number in row) for row in rows]
        found = [(box[0], box[1], box[-2], box[-1]) for box in boxes if len(box) in (2, 4)]
    except (ValueError, TypeError, LookupError):
        boxes, found = [()], []
    if len(found) < len(boxes) or not all(map(_is_box, found)):
        raise GuerdonError(
            f"problem {problem.id} needs a point [x, y], a box [x1, y1, x2, y2] with x1 <= x2 and y1 <= y2, "
            f"or a list of these, got {problem.answer!r}"
        )
    return found


def _is_box(box: Box) -> bool:
    return all(map(math.isfinite, box)) and box[0] <= box[2] and box[1] <= box[3]


def pointed(text: str) -> tuple[float, float] | None:
    """The last point of a text, in brackets or as an object."""
    return predicted(_OBJECT.sub(_in_brackets, text), None)[1]


def _in_brackets(found: re.Match[str]) -> str:
    """An object with numbers x and y as ``(x, y)``; any other as it is."""
    try:
        given = json.loads(found[0])
        x, y = (side for side in (given["x"], given["y"]) if isinstance(side, (int, float)))
        return f"({float(x):f}, {float(y):f})"
    except (ValueError, LookupError, OverflowError):
        return found[0]


def gap(point: tuple[float, float], box: Box) -> float:
    """Euclidean distance of a point to a box."""
    return math.hypot(*(max(box[side] - point[side], 0.0, point[side] - box[side + 2]) for side in (0, 1)))

"""Boxes and points in an image: grounding by coordinates.

Idea
    A hit, an overlap and the closeness of the edges can each be paid. A hit alone is won by a box that fills the
    screen; overlap and edges pay for the right size.
Maths
    Boxes ``(x1, y1, x2, y2)`` with continuous coordinates. ``hit = 1[centre of P inside G]``,
    ``iou = area(P & G) / area(P | G)``, ``edges = 4 / sum_e 1/x_e`` with ``x_e = 1 - |g_e - p_e| / size_e`` and
    ``size_e`` the image's width or height; 0 if any ``x_e <= 0``. GUI-G1 pays ``hit + 0.25 iou + 0.125 edges``.
Reads
    ``problem.answer``, the true box; ``problem.meta`` for the image's width and height, where edges are asked for.
Deviations
    GUI-G1's code counts pixels with offsets of one and so misses overlaps of one pixel. A box whose corners are the
    wrong way round gets 0. Of several boxes in a response, the last one counts.
"""

import json
import math
import re
from collections import deque
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

Box = tuple[float, float, float, float]
_FIGURE = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)"
_BRACKETS = {
    count: re.compile(rf"[\[(]\s*({_FIGURE}(?:(?:\s*,\s*|\s+){_FIGURE}){{{count - 1}}})\s*[\])]") for count in (2, 4)
}


@dataclass(frozen=True)
class BoxParts(Scorer):
    """``hit``, ``iou`` and ``edges`` of the predicted box, each a component of its own."""

    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    size_key: str = "size"
    """Key of ``problem.meta`` for the image's ``[width, height]``."""

    component = "box"
    components = ("hit", "iou", "edges")
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a true box or without the size of its image."""
        _true_box(problem)
        self._size(problem)

    def _size(self, problem: Problem) -> tuple[float, float]:
        given = problem.meta.get(self.size_key)
        size = tuple(given) if isinstance(given, (list, tuple)) else ()
        if len(size) != 2 or not all(isinstance(side, (int, float)) and 0 < side < math.inf for side in size):
            raise GuerdonError(f"problem {problem.id} needs [width, height] in meta[{self.size_key!r}], got {given!r}")
        return size[0], size[1]

    def __call__(self, problem: Problem, response: str) -> dict[str, float]:
        """The three parts, each between 0 and 1; a point is a box of size zero, which can only hit."""
        true, size = _true_box(problem), self._size(problem)
        box, point = predicted(response, self.tag)
        hit = float(point is not None and inside(point, true))
        if box is None:
            return {"hit": hit, "iou": 0.0, "edges": 0.0}
        return {"hit": hit, "iou": iou(box, true), "edges": edge_closeness(box, true, size)}


@dataclass(frozen=True)
class BoxOverlap(Scorer):
    """The IoU of the predicted box with the true one, or whether it is above a threshold."""

    threshold: float | None = None
    """1 if the IoU is greater, else 0; None: the IoU itself."""
    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "iou"
    trusted = True

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold < 1:
            raise GuerdonError(f"BoxOverlap.threshold must be at least 0 and below 1, got {self.threshold}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a true box."""
        _true_box(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """Between 0 and 1."""
        true, (box, _) = _true_box(problem), predicted(response, self.tag)
        overlap = iou(box, true) if box is not None else 0.0
        return overlap if self.threshold is None else float(overlap > self.threshold)


@dataclass(frozen=True)
class PointInBox(Scorer):
    """1 if the predicted point, or the centre of the predicted box, lies in the true box, else 0."""

    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "hit"
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a true box."""
        _true_box(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        true, (_, point) = _true_box(problem), predicted(response, self.tag)
        return float(point is not None and inside(point, true))


def predicted(response: str, tag: str | None) -> tuple[Box | None, tuple[float, float] | None]:
    """The last box of a response and its centre, or no box and the last point, whichever comes last."""
    text = tagged(response, tag) or ""
    found = max(
        (match for count in (2, 4) for match in [_last(text, count)] if match), key=re.Match.start, default=None
    )
    if found is None:
        return None, None
    values = [float(figure) for figure in re.findall(_FIGURE, found[1])]
    if not all(map(math.isfinite, values)):
        return None, None
    if len(values) == 2:
        return None, (values[0], values[1])
    box = (values[0], values[1], values[2], values[3])
    return (box, ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)) if _upright(box) else (None, None)


def _last(text: str, count: int) -> re.Match[str] | None:
    return next(iter(deque(_BRACKETS[count].finditer(text), maxlen=1)), None)


def _upright(box: Box) -> bool:
    return box[0] <= box[2] and box[1] <= box[3]


def _true_box(problem: Problem) -> Box:
    try:
        box = tuple(float(number) for number in json.loads(reference(problem)))
    except (ValueError, TypeError):
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or not (box[0] < box[2] and box[1] < box[3]):
        raise GuerdonError(
            f"problem {problem.id} needs a box [x1, y1, x2, y2] with x1 < x2 and y1 < y2, got {problem.answer!r}"
        )
    return box


def inside(point: tuple[float, float], box: Box) -> bool:
    """Whether a point lies in a box, its border included."""
    return box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3]


def iou(box: Box, other: Box) -> float:
    """Area of the intersection over area of the union; 0 for a box without area."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(sides[2] - sides[0]) * (sides[3] - sides[1]) for sides in (box, other)]
    return min(width * height / (sum(areas) - width * height), 1.0)


def edge_closeness(box: Box, other: Box, size: tuple[float, float]) -> float:
    """The harmonic mean of how close the four edges are; 0 where one is off by the image's width or height."""
    closeness = [1 - abs(box[edge] - other[edge]) / size[edge % 2] for edge in range(4)]
    return 4 / sum(1 / near for near in closeness) if min(closeness) > 0 else 0.0

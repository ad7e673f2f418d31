"""A route through a transit map: right or wrong, and partial credit for its segments (rewardmap).

Idea
    A route with two changes is hardly ever right by chance. Lines that exist and segments that join are worth something.
Maths
    K transfers; ``correct``: departure and destination are those asked for, every line has both of its stops, and the
    segments join. ``detail``: 0 if the route cannot be read or its ends are wrong, else ``min(10, 2 + ...)`` with, per
    segment i = 1..: +4 if K = 0 and the line has both stops, +3 if K > 0 and the line exists; +1 if i <= K and it
    ends where i + 1 begins; -5 if i > limit. Other questions: ``correct`` alone, ``1[equal]``.
Reads
    The response, a JSON list of ``{"line", "from", "to"}``; ``problem.meta``: ``lines`` (line -> stops), ``from``, ``to``
    and ``transfers`` for a route; else ``problem.answer``.
Deviations
    RewardMap's code (15428ac) has the limit K, so a right route, which has K + 1 segments, always pays 5 once
    (``released``); here the limit is K + 1. Lines are sets of stops, as there: a loop or a branch ridden the wrong way
    passes. Names are compared without case, signs, spaces and the words station and metro.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


class Segment(NamedTuple):
    """A ride on one line."""

    line: str
    start: str
    end: str


class Map(NamedTuple):
    """What is asked, with plain names."""

    lines: Mapping[str, frozenset[str]]
    start: str
    end: str
    transfers: int


@dataclass(frozen=True)
class TransitRoute(Scorer):
    """``correct`` (0 or 1) and ``detail`` (at most 10) of a route, or of the answer to another question."""

    released: bool = False
    """Count a route's last segment as one too many, as the released code does."""
    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "route"
    components = ("correct", "detail")
    bounds = (-math.inf, 10.0)
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem that has neither a map with ends nor an answer."""
        if asked(problem) is None:
            reference(problem)

    def __call__(self, problem: Problem, response: str) -> dict[str, float]:
        """Both components."""
        text, question = tagged(response, self.tag) or "", asked(problem)
        if question is None:
            return {"correct": float(bool(text) and plain(text) == plain(reference(problem))), "detail": 0.0}
        route = route_in(text)
        if not route or route[0].start != question.start or route[-1].end != question.end:
            return {"correct": 0.0, "detail": 0.0}
        limit = question.transfers + (not self.released)
        return {"correct": float(_right(route, question)), "detail": _detail(route, question, limit)}


def _right(route: list[Segment], question: Map) -> bool:
    rides = all({ride.start, ride.end} <= question.lines.get(ride.line, frozenset()) for ride in route)
    return rides and all(first.end == second.start for first, second in pairwise(route))


def _detail(route: list[Segment], question: Map, limit: int) -> float:
    credit, direct = 2.0, question.transfers == 0
    for number, ride in enumerate(route, 1):
        stops = question.lines.get(ride.line)
        if stops is not None and (not direct or {ride.start, ride.end} <= stops):
            credit += 4 if direct else 3
        if number <= question.transfers and number < len(route) and ride.end == route[number].start:
            credit += 1
        if number > limit:
            credit -= 5
    return min(credit, 10.0)


def route_in(text: str) -> list[Segment]:
    """The segments of a JSON list; empty if it is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return []
    if not isinstance(data, list) or not all(isinstance(ride, dict) for ride in data):
        return []
    return [Segment(*(plain(ride.get(key, "")) for key in ("line", "from", "to"))) for ride in data]


def plain(name: Any) -> str:
    """A name without what spellings differ in."""
    return re.sub(r"[\W_]+", "", re.sub(r"\b(?:station|metro)\b", "", str(name).casefold()))


def asked(problem: Problem) -> Map | None:
    """The route that is asked for; None for another question.

    Raises:
        GuerdonError: if the map is there and something else of it is missing.
    """
    lines = problem.meta.get("lines")
    if lines is None:
        return None
    start, end, transfers = (problem.meta.get(key) for key in ("from", "to", "transfers"))
    if not isinstance(lines, Mapping) or not start or not end or not isinstance(transfers, int) or transfers < 0:
        raise GuerdonError(
            f"problem {problem.id} needs lines (name -> stops), from, to and transfers (0 or more) in meta, got "
            f"from={start!r}, to={end!r}, transfers={transfers!r}"
        )
    return Map(
        {plain(line): frozenset(map(plain, stops)) for line, stops in lines.items()},
        plain(start),
        plain(end),
        transfers,
    )

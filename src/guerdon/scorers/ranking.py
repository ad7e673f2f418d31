"""Ranked lists: whether the wanted items are there, and how far up.

Idea
    A recommender answers with a list. Items count more the higher they stand.
Maths
    ``first = 1[the first item is relevant]``; ``hit = 1[a relevant item is among the first k]``;
    ``ndcg = sum_{i<k} gain(item_i) / log2(i + 2)``, divided by the same sum of the best possible list.
Reads
    ``problem.meta["relevant"]`` (items, or item -> gain; else ``problem.answer`` is the one item).
Deviations
    The measures of ReRe (its ``first`` is its rule reward) with gains as they are given, not ``2^gain - 1``. An item
    that is listed twice stands where it stands first, so that repeating it gains nothing. Case does not count.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Ranking(Scorer):
    """``rank_first``, ``rank_hit`` and ``rank_ndcg`` of a list: JSON, one item a line, or items between commas."""

    k: int = 10
    """How many items count."""
    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (nothing without one); None: the whole response."""

    components = ("rank_first", "rank_hit", "rank_ndcg")
    trusted = True

    def __post_init__(self) -> None:
        if self.k < 1:
            raise GuerdonError(f"Ranking.k must be at least 1, got {self.k}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a relevant item."""
        _gains(problem)

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """The components, each from 0 to 1."""
        gains, items = _gains(problem), listed(tagged(response, self.tag) or "")[: self.k]
        got = [gains.get(item, 0.0) for item in items]
        best = sorted(gains.values(), reverse=True)[: self.k]
        first, hit = float(got[:1] > [0.0]), float(any(got))
        return {"rank_first": first, "rank_hit": hit, "rank_ndcg": discounted(got) / discounted(best)}


def discounted(gains: list[float]) -> float:
    """``sum_i gain_i / log2(i + 2)``."""
    return math.fsum(gain / math.log2(place + 2) for place, gain in enumerate(gains))


def listed(text: str) -> list[str]:
    """The items of a list in small letters, each once, without numbers or bullets before them."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, list):
        items = [str(item) for item in data]
    else:
        lines = [line for line in text.split("\n") if line.strip()]
        items = lines if len(lines) > 1 else text.split(",")
        items = [re.sub(r"\A\s*(?:\d{1,4}[.)]\s|[*-]\s)", "", item) for item in items]
    return list(dict.fromkeys(item.strip().casefold() for item in items if item.strip()))


def _gains(problem: Problem) -> dict[str, float]:
    """Relevant item, in small letters -> gain."""
    relevant = problem.meta.get("relevant")
    if relevant is None:
        relevant = [reference(problem)]
    gains = dict(relevant) if isinstance(relevant, Mapping) else dict.fromkeys(relevant, 1.0)
    if not gains or not all(isinstance(gain, (int, float)) and 0 < gain < math.inf for gain in gains.values()):
        raise GuerdonError(f"problem {problem.id} needs relevant items with positive gains, got {relevant!r}")
    return {str(item).strip().casefold(): float(gain) for item, gain in gains.items()}

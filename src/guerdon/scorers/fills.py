"""Blanks filled in: how many of them match (mr_rlvr).

Idea
    A reference solution with some formulas masked is a verifiable task about its steps, with partial credit.
Maths
    ``r = (1/|M|) sum_j 1[fill_j = mask_j]``; a fill is right if it is mathematically equal, or equal as text, case and
    spaces aside. Blanks without a fill are wrong.
Reads
    ``problem.meta["masks"]``, the masked texts in order; the response, a JSON list or one fill a line.
Deviations
    Known by the abstract of MR-RLVR; what counts as equal is ours. Fills beyond the last mask do not count.
"""

import json
import re
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.number import Number
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Fills(Scorer):
    """The share of masks that are filled in right."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    component = "fills"
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without masks."""
        _masks(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        masks, fills = _masks(problem), fills_in(tagged(response, self.tag) or "")
        return sum(equal(fill, mask) for fill, mask in zip(fills, masks, strict=False)) / len(masks)


def fills_in(text: str) -> list[str]:
    """The entries of a JSON list, else the lines of the text that hold something."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if isinstance(data, list):
        return [str(entry) for entry in data]
    return [line.strip() for line in text.splitlines() if line.strip()]


def equal(fill: str, mask: str) -> bool:
    """Whether a fill is the masked text, or the same number."""
    plain, wanted = (re.sub(r"\s+", "", side).casefold() for side in (fill, mask))
    return plain == wanted or (bool(plain) and _number(wanted) and Number(alone=True)(Problem(0, "", mask), fill) == 1)


def _number(text: str) -> bool:
    return re.fullmatch(r"[-+]?[\d.,]+(?:/\d+)?", text) is not None


def _masks(problem: Problem) -> list[str]:
    masks = problem.meta.get("masks")
    if not isinstance(masks, (list, tuple)) or not masks or not all(isinstance(m, str) and m.strip() for m in masks):
        raise GuerdonError(f"problem {problem.id} needs one or more texts in meta['masks'], got {masks!r}")
    return list(masks)

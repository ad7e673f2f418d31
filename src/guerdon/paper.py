"""A paper: a composition of pieces and the claims that can be run.

``papers/<id>.py`` holds a docstring, the composition, one to three claims and one ``paper = Paper(...)``.
The file name is the id; nothing is registered anywhere.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from guerdon.errors import GuerdonError

Tier = Literal["check", "proxy"]
Known = Literal["code", "paper", "recalled", "abstract"]
Verdict = Literal["confirmed", "not seen at this scale", "contradicted"]


@dataclass(frozen=True)
class Evidence:
    """What a claim measured, and the interval in which it must lie."""

    value: float
    """The measured number."""
    low: float
    """Smallest value that bears the claim out."""
    high: float
    """Largest value that bears the claim out."""
    interval: tuple[float, float] | None = None
    """Interval estimate of ``value`` over seeds, where there are seeds."""
    note: str = ""
    """What the number is, with its unit."""
    verdict: Verdict | None = None
    """For proxies whose effect does not show: what to record instead of a failure."""

    @property
    def holds(self) -> bool:
        """Whether the value lies in the interval (NaN does not)."""
        return not math.isnan(self.value) and self.low <= self.value <= self.high


@dataclass(frozen=True)
class Claim:
    """A sentence of a paper that can be run."""

    sentence: str
    measure: Callable[[int], Evidence]
    """Seed -> evidence."""
    tier: Tier = "check"
    """``check``: exact, under 1 s. ``proxy``: toy training against a baseline, at most 3 minutes."""

    def __call__(self, seed: int = 0) -> Evidence:
        """Run the claim."""
        return self.measure(seed)


def claim(sentence: str, tier: Tier = "check") -> Callable[[Callable[[int], Evidence]], Claim]:
    """Decorator: ``@claim("X beats Y")`` turns ``def f(seed: int) -> Evidence`` into a ``Claim``."""
    return lambda measure: Claim(sentence, measure, tier)


@dataclass(frozen=True)
class Paper:
    """One published system."""

    title: str
    arxiv: str | None
    kind: str
    """``method``, ``benchmark``, ``analysis``, ``survey`` or ``baseline``."""
    source: Known
    """How the equations are known: from the released code, the paper's text, memory, or the abstract alone."""
    claims: tuple[Claim, ...]
    recipe: Any = None
    """The main composition (a ``Recipe``), where the paper is one."""
    compositions: Mapping[str, Any] = field(default_factory=dict)
    """Further compositions: baselines, ablations, released-code variants."""
    year: int | None = None
    authors: str = ""

    def __post_init__(self) -> None:
        if not self.claims:
            raise GuerdonError(f"paper {self.title!r} must have at least one claim, got none")

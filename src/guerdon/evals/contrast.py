"""Two evaluations of the same problems: what changed, in pairs, and which right answers were kept, found and lost.

Idea
    Both are cut down to the problems that they share, and measured under the same draws of these, so that the
    interval of a difference holds no problem's difficulty.
Maths
    ``metrics/over_problems.py`` for differences, ``metrics/support.py`` for the support. A right answer is in the support
    of a policy if one of its samples gave it; with n samples, answers rarer than ``detectable(n)`` may be missed.
Reads
    Judged responses.
Deviations
    A right response whose answer cannot be read counts by its text. SRR, NDR, SDS and NSCR are not there if neither policy
    has a right answer, and draws without one are left out of their intervals; else a ratio without a denominator is 0.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.evals.measures import MEASURES, Path, statistics_of
from guerdon.evals.pool import Pool, Responses
from guerdon.evaluate import bootstrap_stream, nested
from guerdon.metrics.over_problems import Estimate, difference, draws_of, estimate
from guerdon.metrics.support import Support, detectable, support

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Contrast:
    """New against base."""

    base: Mapping[Path, Estimate]
    """Every measure of the base, on the shared problems."""
    new: Mapping[Path, Estimate]
    """Every measure of the other."""
    change: Mapping[Path, Estimate]
    """New less base, paired."""
    support: Mapping[str, Estimate]
    """SRR, NDR, SDS, NSCR."""
    counts: Support
    """Right answers kept, gained and lost."""
    problems: int
    """How many both answered."""
    detectable: float = field(default=0.0)
    """Right answers of a smaller probability may be missed by chance (more than one time in twenty)."""

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``eval.json``."""
        counts = {"kept": self.counts.kept, "gained": self.counts.gained, "lost": self.counts.lost}
        ratios = {name: value.to_json() for name, value in self.support.items()}
        return {
            "problems": self.problems,
            "change": nested(self.change),
            "support": {**counts, **ratios, "detectable": self.detectable},
        }


def contrast(
    new: Responses, base: Responses, ks: Sequence[int], families: Sequence[str] = tuple(MEASURES), seed: int = 0
) -> Contrast:
    """Measure two sets of judged responses on the problems that they share.

    Raises:
        GuerdonError: if they share none, or count lengths in different units.
    """
    shared = {pool.key for pool in new.pools} & {pool.key for pool in base.pools}
    if not shared:
        raise GuerdonError("two evaluations can be compared on problems that both have; these share none")
    if new.unit != base.unit:
        raise GuerdonError(f"lengths must be counted in the same unit to be compared, got {new.unit} and {base.unit}")
    after, before = (sorted((p for p in each.pools if p.key in shared), key=lambda p: p.key) for each in (new, base))
    weights = draws_of(len(shared), bootstrap_stream(seed))
    families = ("pass_at", *families)
    late, early = statistics_of(after, ks, families), statistics_of(before, ks, families)
    both = [path for path in early if path in late]
    counts = np.array(list(map(_counts, before, after)), dtype=np.float64)
    ratios: dict[str, Callable[[Support], float]] = {
        "retention": lambda found: found.retention,
        "discovery": lambda found: found.discovery,
        "dynamics": lambda found: found.dynamics,
        "net_change": lambda found: found.net_change,
    }
    return Contrast(
        _known({path: estimate(each, weights) for path, each in early.items()}),
        _known({path: estimate(each, weights) for path, each in late.items()}),
        _known({path: estimate(difference(late[path], early[path]), weights) for path in both}),
        _known({name: estimate(_OfSupport(counts, ratio), weights) for name, ratio in ratios.items()}),
        Support(*(int(total) for total in counts.sum(0))),
        len(shared),
        detectable(min(pool.size for pool in (*before, *after))),
    )


def _known(measures: dict[Name, Estimate]) -> dict[Name, Estimate]:
    """Those that have a value."""
    return {name: value for name, value in measures.items() if value.value == value.value}


def _counts(before: Pool, after: Pool) -> tuple[int, int, int]:
    """Right answers of one problem that were kept, gained and lost."""
    good = {x for pool in (before, after) for x, c in zip(_answers(pool), pool.right, strict=True) if c == 1}
    found = support([_answers(before)], [_answers(after)], [good])
    return found.kept, found.gained, found.lost


def _answers(pool: Pool) -> list[Hashable]:
    """The answers, and the text itself where a right response has none that could be read."""
    return [text if answer is None else answer for answer, text in zip(pool.answers, pool.texts, strict=True)]


class _OfSupport:
    """A ratio of the support under weights of the problems."""

    def __init__(self, counts: np.ndarray, ratio: Callable[[Support], float]) -> None:
        self.counts, self.ratio = counts, ratio

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """One value per draw; NaN where no right answer is in the draw."""
        sums = weights @ self.counts
        return np.array([self.ratio(Support(*row)) if sum(row) else np.nan for row in sums.tolist()])

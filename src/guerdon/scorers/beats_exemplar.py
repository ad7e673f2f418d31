"""A response against an exemplar by a cheap metric: a comparison without a judge (ExTrans).

Idea
    Where no judge is at hand, as for ninety pairs of languages, a text is worth what a metric gives it beyond a strong
    model's text for the same source.
Maths
    ``1[m(y) >= m(e)]``; graded ``min(1, max(0, (m(y) - m(e)) / spread + 0.5))``.
Reads
    ``meta["exemplar"]`` and what the metric reads.
Deviations
    The threshold and the grade are ours (abstract only). A problem without an exemplar gets the metric itself; an empty
    response gets 0; the exemplar itself is a tie.
"""

from dataclasses import dataclass, field

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.ngrams import Chrf
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class BeatsExemplar(Scorer):
    """1 if a metric gives the response at least what it gives the exemplar, else 0; or graded."""

    metric: Scorer = field(default_factory=Chrf)
    """m: any scorer with one score."""
    spread: float | None = None
    """Difference from the worst to the best grade; None: no grades, 0 or 1."""

    component = "exemplar"

    def __post_init__(self) -> None:
        if self.spread is not None and not self.spread > 0:
            raise GuerdonError(f"BeatsExemplar.spread must be positive or none, got {self.spread}")
        if self.metric.components:
            raise GuerdonError(f"BeatsExemplar.metric must give one score, got {type(self.metric).__name__}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem that the metric cannot judge, or whose exemplar is no text."""
        self.metric.check(problem)
        if not isinstance(problem.meta.get("exemplar", ""), str):
            raise GuerdonError(
                f"problem {problem.id} needs a text as meta['exemplar'], got {problem.meta['exemplar']!r}"
            )

    def __call__(self, problem: Problem, response: str) -> float | None:
        """From 0 to 1."""
        exemplar = problem.meta.get("exemplar")
        mine, its = (None if text is None else self.metric(problem, text) for text in (response, exemplar))
        if not response.strip():
            return 0.0
        if not isinstance(mine, (int, float)) or not isinstance(its, (int, float)):
            return mine if exemplar is None and isinstance(mine, (int, float)) else None
        return float(mine >= its) if self.spread is None else min(1.0, max(0.0, (mine - its) / self.spread + 0.5))

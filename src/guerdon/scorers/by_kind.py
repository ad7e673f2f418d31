"""A mix of problems: each is judged by the rule of its kind.

Idea
    Training on several domains at once needs one reward; which rule it follows stands in the problem.
Reads
    ``problem.meta[key]``, the kind, and what its scorer reads.
Deviations
    None.
"""

from dataclasses import dataclass

from guerdon.base import Score, Scorer
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class ByKind(Scorer):
    """The score that the scorer of the problem's kind gives."""

    scorers: dict[str, Scorer]
    """Kind -> rule; each gives one number."""
    key: str = "kind"
    """Key of ``problem.meta`` for the kind."""

    def __post_init__(self) -> None:
        several = [kind for kind, scorer in self.scorers.items() if scorer.components]
        if not self.scorers or several:
            raise GuerdonError(
                f"ByKind.scorers must be one or more rules that give one number, got {several or 'none'}"
            )

    @property
    def bounds(self) -> tuple[float, float]:
        """The widest of all."""
        low, high = zip(*(scorer.bounds for scorer in self.scorers.values()), strict=True)
        return min(low), max(high)

    @property
    def trusted(self) -> bool:
        """Where all are."""
        return all(scorer.trusted for scorer in self.scorers.values())

    def scorer_of(self, problem: Problem) -> Scorer:
        """The rule for a problem.

        Raises:
            GuerdonError: if there is none for its kind.
        """
        kind = problem.meta.get(self.key)
        if kind not in self.scorers:
            raise GuerdonError(
                f"problem {problem.id} needs one of {', '.join(self.scorers)} in meta[{self.key!r}], got {kind!r}"
            )
        return self.scorers[kind]

    def check(self, problem: Problem) -> None:
        """Refuse a problem of no known kind, or one that its rule refuses."""
        self.scorer_of(problem).check(problem)

    def at_once(self, problem: Problem, response: str) -> Score:
        """What the rule says at once."""
        scorer = self.scorer_of(problem)
        return scorer(problem, response) if scorer.trusted else scorer.at_once(problem, response)

    def __call__(self, problem: Problem, response: str) -> Score:
        """The score."""
        return self.scorer_of(problem)(problem, response)

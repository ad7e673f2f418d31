"""The answer is a number close enough to the reference.

Idea
    1 if the last number of the response equals the last number of the reference up to a tolerance, else 0.
Reads
    ``problem.answer``.
Deviations
    It trusts that a response ends with its answer, so an afterthought with a number in it counts as the answer, and a
    list that ends with the right number is right; ``tag`` and ``alone`` close these doors.
"""

import math
from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import last_number, numbers, tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Number(Scorer):
    """1 if the last numbers of response and reference are equal up to ``tolerance``, else 0."""

    tolerance: float = 1e-6
    """Relative and absolute error that is allowed."""
    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    alone: bool = False
    """The answer must hold no other number: "7 or 5" is 0 then, whichever of them is right."""

    trusted = True

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise GuerdonError(f"Number.tolerance must be at least 0, got {self.tolerance}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose reference answer holds no number."""
        self._wanted(problem)

    def _wanted(self, problem: Problem) -> float:
        if (number := last_number(reference(problem))) is None:
            raise GuerdonError(f"problem {problem.id} needs an answer with a number, got {problem.answer!r}")
        return number

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        wanted, answer = self._wanted(problem), tagged(response, self.tag)
        if answer is None or (self.alone and len(set(numbers(answer))) > 1):
            return 0.0
        got = last_number(answer)
        return float(got is not None and math.isclose(got, wanted, rel_tol=self.tolerance, abs_tol=self.tolerance))

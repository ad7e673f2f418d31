"""The answer is the reference, letter by letter.

Idea
    1 if the answer in the response equals the reference answer, else 0.
Reads
    ``problem.answer``.
Deviations
    None.
"""

from dataclasses import dataclass

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Exact(Scorer):
    """1 if the answer equals the reference, white space at the ends aside, else 0."""

    tag: str | None = None
    """Take only what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    ignore_case: bool = False
    """Do not tell capital from small letters."""

    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a reference answer."""
        reference(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        answer, wanted = tagged(response, self.tag), reference(problem).strip()
        if answer is not None and self.ignore_case:
            answer, wanted = answer.casefold(), wanted.casefold()
        return float(answer == wanted)


def reference(problem: Problem) -> str:
    """The reference answer.

    Raises:
        GuerdonError: if there is none.
    """
    if problem.answer is None:
        raise GuerdonError(f"problem {problem.id} needs a reference answer, got none; give it an `answer`")
    return problem.answer

r"""The answer is mathematically equal to the reference, by the library math-verify.

Idea
    1 if the final answer of the response (``tasks/final_answer.py``) equals the reference, else 0: numbers, fractions,
    roots, sets in any order, tuples, intervals, matrices, equations, expressions that simplify to each other.
Reads
    ``problem.answer``, an answer or a solution that ends with one; the extra ``math``. Where fields ask for it,
    further accepted answers and an allowed error in ``problem.meta``.
Deviations
    math-verify's own time limit is a signal, which only the main thread may set. It is off; the guard's is in force,
    and what takes too long is unscored. What math-verify misreads is translated before (``_notation.py``), and words,
    plain numbers and equal texts are judged without it. Units are dropped, not compared, 50% equals both 50 and 0.5,
    and decimals are equal when they agree to six places, as math-verify has it.
"""

import importlib.util
import logging
import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._notation import latex, verdict_without_mathematics
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import tagged
from guerdon.tasks.final_answer import boxed, final_answer, marked
from guerdon.tasks.problem import Problem

PLAIN = 20_000
"""Characters of a response that is looked at outside of a worker; all it takes is linear, but not for nothing."""


@dataclass(frozen=True)
class Math(Scorer):
    """1 if the final answer is mathematically equal to the reference, else 0."""

    tag: str | None = None
    """Look only at what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    announced: bool = False
    """Only an answer in a box, behind ``####`` or in "the answer is ..." counts, not what a response just ends with."""
    every_box: bool = False
    r"""All ``\boxed{}`` must be right, not the last alone: two different answers are no answer."""
    tolerance: float = 0.0
    """Relative error that is allowed where both are numbers."""
    error_key: str | None = None
    """Key of ``problem.meta`` for the absolute error that this problem allows."""
    accepted_key: str | None = None
    """Key of ``problem.meta`` for a list of further answers that are right."""

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1:
            raise GuerdonError(f"Math.tolerance must be at least 0 and below 1, got {self.tolerance}")
        if importlib.util.find_spec("math_verify") is None:
            raise GuerdonError("Math needs the package math-verify; pip install 'guerdon[math]'")

    def check(self, problem: Problem) -> None:
        """Refuse a problem without a reference answer, or with a bad allowed error."""
        self._wanted(problem)
        self._error(problem)

    def _wanted(self, problem: Problem) -> list[str]:
        more = problem.meta.get(self.accepted_key, []) if self.accepted_key is not None else []
        if not isinstance(more, (list, tuple)) or not all(isinstance(answer, str) for answer in more):
            raise GuerdonError(
                f"problem {problem.id} needs a list of texts in meta[{self.accepted_key!r}], got {more!r}"
            )
        answers = [stated(answer) for answer in (reference(problem), *more)]
        if not answers[0]:
            raise GuerdonError(f"problem {problem.id} needs a reference answer, got an empty text")
        return answers

    def _error(self, problem: Problem) -> float:
        given = problem.meta.get(self.error_key) if self.error_key is not None else None
        try:
            error = float(given or 0.0)
        except (TypeError, ValueError):
            error = math.nan
        if not 0 <= error < math.inf:
            raise GuerdonError(f"problem {problem.id} needs a number in meta[{self.error_key!r}], got {given!r}")
        return error

    def _answers(self, response: str) -> list[str]:
        """What has to be right for the response to be right; empty where it says no answer."""
        answer = final_answer(response, self.tag, self.announced)
        if answer is None or not self.every_box:
            return [] if answer is None else [answer]
        return [answer, *sorted(set(boxed(tagged(response, self.tag) or "")) - {answer})]

    def at_once(self, problem: Problem, response: str) -> float | None:
        """0 or 1 for equal texts, words and plain numbers; None for what takes mathematics."""
        if len(response) > PLAIN:
            return None
        wanted, exact = self._wanted(problem), not (self.tolerance or self._error(problem))
        verdicts: list[bool | None] = []
        for got in map(latex, answers := self._answers(response)):
            found = [verdict_without_mathematics(latex(want), got) for want in wanted]
            verdicts.append(True if True in found else None if None in found or not exact else False)
        if False in verdicts or not answers:
            return 0.0
        return None if None in verdicts else 1.0

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        answers, wanted, error = self._answers(response), self._wanted(problem), self._error(problem)
        right = [any(same(want, got, self.tolerance, error) for want in wanted) for got in answers]
        return float(bool(right) and all(right))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A worker's server unpickles the scorer once, and every worker inherits what is loaded by then.
        for name, setting in state.items():
            object.__setattr__(self, name, setting)
        parsed("\\frac{1}{2}")


@lru_cache(maxsize=4096)
def stated(text: str) -> str:
    """The answer of a reference: what its solution marks, or all of it."""
    return marked(text) or text.strip()


def same(wanted: str, got: str, relative: float = 0.0, absolute: float = 0.0) -> bool:
    """Whether an answer equals the reference, up to the allowed errors where both are numbers."""
    wanted, got = latex(wanted), latex(got)
    verdict = verdict_without_mathematics(wanted, got)
    if verdict is None:
        verdict = verified(wanted, got)
    if verdict or not (relative or absolute):
        return verdict
    values = value(wanted), value(got)
    return None not in values and math.isclose(values[1], values[0], rel_tol=relative, abs_tol=absolute)  # type: ignore[arg-type]


def verified(wanted: str, got: str) -> bool:
    """What math-verify says of two answers in LaTeX."""
    return _library().verify(parsed(wanted), parsed(got), timeout_seconds=None)


@lru_cache(maxsize=4096)
def parsed(text: str) -> Any:
    """What math-verify makes of an answer; kept, since references recur."""
    return _library().parse(f"\\boxed{{{text}}}", _how_to_read(), parsing_timeout=None)


@cache
def _how_to_read() -> list[Any]:
    library = _library()
    # Its list of units has single letters, so that 6t would be 6.
    normal = library.LatexNormalizationConfig(
        units=False, basic_latex=True, malformed_operators=True, nits=True, boxed="last"
    )
    latex = library.LatexExtractionConfig(boxed_match_priority=0, normalization_config=normal)
    # Its other way of reading takes the last number of what is no LaTeX.
    return [latex]


def value(text: str) -> float | None:
    """The number that an answer is; None for anything else."""
    found = parsed(text)
    try:
        number = float(found[0].doit().evalf())
    except (IndexError, AttributeError, TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


@cache
def _library() -> Any:
    import math_verify

    # It warns that its time limits are off, which is what a worker of the guard is for.
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    return math_verify

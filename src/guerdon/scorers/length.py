"""How long a response is: a target to meet, a budget to keep.

Idea
    Words or characters of the text, so that no tokenizer is needed and the rule can be checked by reading. The target
    may differ from problem to problem, as where the prompt says it.
Maths
    With n words and the target L: ``LengthExact`` is ``-coef |n - L|``, added to the correctness; ``LengthMax`` is
    ``clip(coef (L - n) + offset, 0, 1)``, by which the correctness is multiplied; both as in L1. ``LengthRange`` is
    ``1[low <= n <= high]``.
Reads
    The response, and ``problem.meta`` for a target of its own.
Deviations
    L1 counts tokens; here words or characters. ``LengthExact`` is cut at -1, so that no reward is without bound.
"""

from dataclasses import dataclass
from typing import Literal

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem

Unit = Literal["words", "characters"]


@dataclass(frozen=True)
class LengthExact(Scorer):
    """``max(-coef |n - target|, -1)``: the closer to the target the better."""

    target: int = 200
    """The length to meet, where the problem has none of its own."""
    coef: float = 0.0003
    """Price of a word or character too much or too little."""
    unit: Unit = "words"
    """What is counted."""
    target_key: str = "length"
    """Key of ``problem.meta`` for the problem's own target."""

    component = "length"
    bounds = (-1.0, 0.0)
    trusted = True

    def __post_init__(self) -> None:
        _checked(self, self.target, self.coef)

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose target is no length."""
        _target(problem, self.target_key, self.target)

    def __call__(self, problem: Problem, response: str) -> float:
        """Between -1 and 0."""
        off = abs(length(response, self.unit) - _target(problem, self.target_key, self.target))
        return max(-self.coef * off, -1.0) if off else 0.0


@dataclass(frozen=True)
class LengthMax(Scorer):
    """``clip(coef (target - n) + offset, 0, 1)``: below the target there is slack, above it little is left."""

    target: int = 200
    """The budget, where the problem has none of its own."""
    coef: float = 0.0003
    """Price of a word or character."""
    offset: float = 0.5
    """The score at the target."""
    unit: Unit = "words"
    """What is counted."""
    target_key: str = "length"
    """Key of ``problem.meta`` for the problem's own budget."""

    component = "length"
    trusted = True

    def __post_init__(self) -> None:
        _checked(self, self.target, self.coef)
        if not 0 <= self.offset <= 1:
            raise GuerdonError(f"LengthMax.offset must be between 0 and 1, got {self.offset}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose budget is no length."""
        _target(problem, self.target_key, self.target)

    def __call__(self, problem: Problem, response: str) -> float:
        """Between 0 and 1."""
        left = _target(problem, self.target_key, self.target) - length(response, self.unit)
        return min(max(self.coef * left + self.offset, 0.0), 1.0)


@dataclass(frozen=True)
class LengthRange(Scorer):
    """1 if the response has at least ``low`` and at most ``high`` words or characters, else 0."""

    high: int = 200
    """The most."""
    low: int = 0
    """The least."""
    unit: Unit = "words"
    """What is counted."""

    component = "length"
    trusted = True

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high:
            raise GuerdonError(f"LengthRange needs 0 <= low <= high, got low={self.low} and high={self.high}")

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        return float(self.low <= length(response, self.unit) <= self.high)


def length(response: str, unit: Unit) -> int:
    """Words between white space, or characters without that at the ends."""
    return len(response.split()) if unit == "words" else len(response.strip())


def _checked(scorer: Scorer, target: int, coef: float) -> None:
    if target < 0 or not 0 <= coef < float("inf"):
        name = type(scorer).__name__
        raise GuerdonError(f"{name}.target and coef must be at least 0 and finite, got {target} and {coef}")


def _target(problem: Problem, key: str, default: int) -> int:
    target = problem.meta.get(key, default)
    if not isinstance(target, int) or isinstance(target, bool) or target < 0:
        raise GuerdonError(f"problem {problem.id} needs a length of at least 0 in meta[{key!r}], got {target!r}")
    return target

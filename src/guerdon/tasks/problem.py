"""A problem with a verifier: what language-model tasks are made of. Imports no torch, so reward workers start fast."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from guerdon.base import Score


@dataclass(frozen=True)
class Problem:
    """One prompt and what is needed to score a response to it."""

    id: int | str
    """Unique inside the split."""
    prompt: str | tuple[Mapping[str, str], ...]
    """Plain text, or chat messages with ``role`` and ``content``."""
    answer: str | None = None
    """The reference answer, where there is one."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    """Whatever the scorer needs; JSON values only."""


@runtime_checkable
class ProblemTask(Protocol):
    """A task made of problems: what ``rollouts/sample.py``, ``rewards/verifier.py`` and evaluation ask for."""

    def size(self, split: str) -> int | None:
        """Number of problems in ``train`` or ``test``; None if they are generated without end."""
        ...

    def problem(self, split: str, number: int) -> Problem:
        """Problem ``number`` of a split; the same number is always the same problem."""
        ...

    def score(self, problem: Problem, response: str) -> "Score":
        """Reward of a response, usually 0 or 1. May be slow, hang or raise: callers guard it."""
        ...

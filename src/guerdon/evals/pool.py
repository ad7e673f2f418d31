"""Everything that was said to one problem, with what is known of each response: what every measure reads.

Idea
    Whether responses were sampled a minute ago or come from a file makes no difference to a measure. NaN is what is
    not known: an unscored response, a length that nobody counted.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Pool:
    """The responses to one problem; every list has one entry per response, or none where nothing is known."""

    key: str
    """What pairs the problem with itself in another evaluation."""
    problem: Problem
    texts: Sequence[str]
    lengths: Sequence[float] = ()
    """In the unit of the evaluation."""
    truncated: Sequence[float] = ()
    """1 where the budget ended the response."""
    logprobs: Sequence[float] = ()
    """Of the whole response, in nats."""
    tokens: Sequence[float] = ()
    """How many tokens the log-probability is of."""
    stated: Sequence[float] = ()
    """The confidence that the response states, 0 to 1."""
    gold: Sequence[float] = ()
    """What tells right from wrong."""
    right: Sequence[float] = ()
    """1 where ``gold`` reaches the level of success."""
    answers: Sequence[Hashable] = ()
    """What each response gives as its answer; None where it could not be read."""
    extras: Sequence[Mapping[str, Any]] = ()
    """Other keys of the line that a response was read from."""
    scores: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Rewards to pick by."""

    @property
    def size(self) -> int:
        """How many responses."""
        return len(self.texts)

    def only(self, keep: Sequence[bool]) -> "Pool":
        """The responses that are marked."""
        lists = {part.name: _kept(getattr(self, part.name), keep) for part in fields(self)[2:-1]}
        return replace(self, **lists, scores={name: _kept(values, keep) for name, values in self.scores.items()})


def _kept(values: Sequence[Any], keep: Sequence[bool]) -> list[Any]:
    return [value for value, kept in zip(values, keep, strict=True) if kept] if len(values) else []


@dataclass(frozen=True)
class Responses:
    """All pools of one evaluation, and how they came about."""

    pools: Sequence[Pool]
    unit: str
    """What lengths count: ``tokens`` or ``characters``."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Settings that belong beside the numbers."""
    unscored: int = 0
    """Responses that could not be scored; they are left out, not counted as wrong."""
    left_out: int = 0
    """Problems left out because too few of their responses could be scored."""
    reason: str = ""
    """Why the first unscored response could not be scored."""
    drawn: int = 0
    """Most responses of a problem, scored or not."""

"""A reward by a rule: a scorer applied to each response.

Idea
    ``r_i = scorer(problem, response_i)``. What a policy writes can make a rule hang or crash, so scorers that are not
    trusted run guarded (``guard.py``), and a response that cannot be scored is unscored, not wrong. What a scorer can
    tell at a look (``Scorer.at_once``) is not sent to a worker.
Reads
    ``group.problem`` and ``traj.response``.
Deviations
    Equal responses to the same problem in one batch are scored once.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, component_lists, reward_columns
from guerdon.rewards.guard import Guard, Outcome
from guerdon.tasks.problem import Problem

Pairs = Sequence[tuple[Problem, str]]


@dataclass(frozen=True)
class Scored(Transform):
    """``r_i = scorer(problem, response_i)``; one component, or one for each that the scorer names."""

    scorer: Scorer
    """The rule."""
    name: str | None = None
    """The component's name: writes ``traj.reward/<name>``; None: the scorer's own."""
    guard: Guard | None = None
    """How the rule is called; None: in this process if it is trusted, else in a worker with the defaults."""

    reads = ("group.problem", "traj.response")

    @property
    def writes(self) -> tuple[str, ...]:
        """The components and the reasons."""
        return (*(f"traj.reward/{name}" for name in self.scorer.components or (self.component,)), REASONS)

    @property
    def component(self) -> str:
        """The name of a single component."""
        return self.scorer.component if self.name is None else self.name

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The components ``[traj]``, NaN where unscored, and the reasons."""
        pairs = list(zip(batch["traj.problem"], batch["traj.response"], strict=True))
        outcomes = distinct(pairs, self._outcomes)
        return reward_columns(batch, outcomes, self.component, self.scorer.components, self.scorer.bounds)

    def lists(self, pairs: Pairs, task: Any = None) -> tuple[dict[str, list[float]], list[str]]:
        """What a call gives, as plain lists for pairs of problem and response."""
        outcomes = self._outcomes(pairs)
        return component_lists(outcomes, self.component, self.scorer.components, self.scorer.bounds)

    def _outcomes(self, pairs: Pairs) -> list[Outcome]:
        """One outcome per pair; what the rule can answer at once needs no worker."""
        guard = self.guard or Guard(isolate=not self.scorer.trusted)
        short = [None if self.scorer.trusted else at_once(self.scorer.at_once, pair) for pair in pairs]
        left = [pair for pair, found in zip(pairs, short, strict=True) if found is None]
        rest = iter(guard(self.scorer, left))
        return [next(rest) if found is None else found for found in short]


def distinct(pairs: Pairs, score: Callable[[Pairs], list[Outcome]]) -> list[Outcome]:
    """What ``score`` says of each pair of problem and response; equal ones are asked about once."""
    keys = [(problem.id, str(problem.prompt), response) for problem, response in pairs]
    asked = dict(zip(keys, pairs, strict=True))
    outcomes = dict(zip(asked, score(list(asked.values())), strict=True))
    return [outcomes[key] for key in keys]


def judged(batch: Batch, score: Callable[..., Any], guard: Guard) -> list[Outcome]:
    """What ``score(problem, response)`` says of each trajectory; equal ones of a problem are asked about once."""
    pairs = list(zip(batch["traj.problem"], batch["traj.response"], strict=True))
    return distinct(pairs, lambda some: guard(score, some))


def at_once(score: Callable[..., Any], pair: tuple[Problem, str]) -> Outcome | None:
    """The outcome of a scorer's short way, or None; what goes wrong there is left to the guard."""
    try:
        value = score(*pair)
    except Exception:
        return None
    return Outcome(float(value)) if isinstance(value, (int, float)) and math.isfinite(value) else None

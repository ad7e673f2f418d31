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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, reward_columns
from guerdon.rewards.guard import Guard, Outcome


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
        guard = self.guard or Guard(isolate=not self.scorer.trusted)
        outcomes = judged(batch, self.scorer, guard, None if self.scorer.trusted else self.scorer.at_once)
        return reward_columns(batch, outcomes, self.component, self.scorer.components, self.scorer.bounds)


def judged(
    batch: Batch, score: Callable[..., Any], guard: Guard, at_once: Callable[..., Any] | None = None
) -> list[Outcome]:
    """What ``score(problem, response)`` says of each trajectory; equal ones of a problem are asked about once.

    ``at_once`` may answer first, in this process, with a number or with None for the guard to call ``score``.
    """
    problems, responses = batch["traj.problem"], batch["traj.response"]
    pairs = list(zip(problems, responses, strict=True))
    keys = [(problem.id, str(problem.prompt), response) for problem, response in pairs]
    calls = dict(zip(keys, pairs, strict=True))
    outcomes = {key: found for key, pair in calls.items() if (found := _at_once(at_once, pair)) is not None}
    left = {key: pair for key, pair in calls.items() if key not in outcomes}
    outcomes |= zip(left, guard(score, list(left.values())), strict=True)
    return [outcomes[key] for key in keys]


def _at_once(score: Callable[..., Any] | None, pair: tuple[Any, str]) -> Outcome | None:
    """The outcome of the short way; what goes wrong there is left to the guard."""
    try:
        value = None if score is None else score(*pair)
    except Exception:
        return None
    return Outcome(float(value)) if isinstance(value, (int, float)) and math.isfinite(value) else None

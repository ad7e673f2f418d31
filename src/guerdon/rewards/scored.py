"""A reward by a rule: a scorer applied to each response.

Idea
    ``r_i = scorer(problem, response_i)``. What a policy writes can make a rule hang or crash, so scorers that are not
    trusted run guarded (``guard.py``), and a response that cannot be scored is unscored, not wrong.
Reads
    ``group.problem`` and ``traj.response``.
Deviations
    Equal responses to the same problem in one batch are scored once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, component_lists, reward_columns
from guerdon.rewards.guard import Guard, Outcome
from guerdon.tasks.problem import Problem


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
        outcomes = judged(batch, self.scorer, self._guard)
        return reward_columns(batch, outcomes, self.component, self.scorer.components, self.scorer.bounds)

    def lists(self, pairs: Sequence[tuple[Problem, str]], task: Any = None) -> tuple[dict[str, list[float]], list[str]]:
        """What a call gives, as plain lists for pairs of problem and response."""
        outcomes = self._guard(self.scorer, pairs)
        return component_lists(outcomes, self.component, self.scorer.components, self.scorer.bounds)

    @property
    def _guard(self) -> Guard:
        return self.guard or Guard(isolate=not self.scorer.trusted)


def judged(batch: Batch, score: Callable[..., Any], guard: Guard) -> list[Outcome]:
    """What ``score(problem, response)`` says of each trajectory; equal ones of a problem are asked about once."""
    problems, responses = batch["traj.problem"], batch["traj.response"]
    pairs = list(zip(problems, responses, strict=True))
    keys = [(problem.id, str(problem.prompt), response) for problem, response in pairs]
    calls = dict(zip(keys, pairs, strict=True))
    outcomes = dict(zip(calls, guard(score, list(calls.values())), strict=True))
    return [outcomes[key] for key in keys]

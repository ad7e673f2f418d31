"""The verifiable reward: the task's own scorer, applied to each response.

Idea
    ``r_i = task.score(problem, response_i)``. Scorers hang and crash on what a policy writes, so they run guarded
    (``guard.py``): a response that cannot be scored is unscored, not wrong.
Reads
    ``group.problem`` and ``traj.response``; the task of the run.
Deviations
    Equal responses to the same problem in one batch are scored once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, component_lists, reward_columns
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import judged
from guerdon.tasks.problem import Problem, ProblemTask


@dataclass(frozen=True)
class Verifier(Transform):
    """``r_i = task.score(problem, response_i)``, usually 0 or 1."""

    name: str = "correct"
    """The component's name: writes ``traj.reward/<name>``."""
    guard: Guard = field(default_factory=Guard)
    """How the task's scorer is called."""
    threshold: float | None = None
    """Scores from here on count 1 and lower ones 0; None keeps a scorer's partial credit."""

    reads = ("group.problem", "traj.response", "run.task")

    @property
    def writes(self) -> tuple[str, ...]:
        """The component and the reasons."""
        return (f"traj.reward/{self.name}", REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component ``[traj]``, NaN where unscored, and the reasons.

        Raises:
            GuerdonError: if the run's task has no verifier.
        """
        task = _with_verifier(batch["run.task"])
        columns = dict(reward_columns(batch, judged(batch, task.score, self.guard), self.name))
        score = columns[f"traj.reward/{self.name}"]
        if self.threshold is not None and isinstance(score, Tensor):
            columns[f"traj.reward/{self.name}"] = torch.where(score.isnan(), score, (score >= self.threshold).to(score))
        return columns

    def lists(self, pairs: Sequence[tuple[Problem, str]], task: Any = None) -> tuple[dict[str, list[float]], list[str]]:
        """What a call gives, as plain lists for pairs of problem and response.

        Raises:
            GuerdonError: if the task has no verifier.
        """
        columns, reasons = component_lists(self.guard(_with_verifier(task).score, pairs), self.name)
        if (level := self.threshold) is not None:
            columns = {name: [x if x != x else float(x >= level) for x in column] for name, column in columns.items()}
        return columns, reasons


def _with_verifier(task: Any) -> ProblemTask:
    if not isinstance(task, ProblemTask):
        raise GuerdonError(f"Verifier needs a task made of problems with a verifier, got {type(task).__name__}")
    return task

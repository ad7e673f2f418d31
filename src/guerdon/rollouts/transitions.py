"""Transitions drawn from a data set, each a trajectory of one step.

Idea
    Offline methods see (s, a, r, s', terminated) and nothing of the order. Which transitions come is the
    curriculum's choice: uniform is the usual replay, a weighted pick is prioritised or quality-weighted replay.
Maths
    ``batch`` rows; with the default curriculum uniform, without replacement inside one batch.
Reads
    ``task.data()``: a batch with the step columns below.
Deviations
    CORL draws with replacement.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream

COLUMNS = ("step.observation", "step.action", "step.reward", "step.terminated", "step.next_observation")
"""What a transition is."""


@dataclass(frozen=True)
class Transitions(Rollout):
    """``batch`` transitions of the task's data set, as trajectories of one step."""

    batch: int = 256
    """Transitions per step of the loop."""

    writes = (*COLUMNS, "group.problem_id")

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise GuerdonError(f"Transitions.batch must be at least 1, got {self.batch}")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; ``group.problem_id`` is the row in the data set.

        Raises:
            GuerdonError: if the task has no data set.
        """
        if not hasattr(task, "data"):
            raise GuerdonError(f"Transitions needs a task with a data set, got {type(task).__name__}; use Offline")
        data, rows = task.data(), torch.tensor(pick(self.batch))
        columns = {name: data[name][rows] for name in COLUMNS}
        each = torch.arange(len(rows))
        return Batch.build({**columns, "group.problem_id": rows}, traj_of_step=each, group_of_traj=each)

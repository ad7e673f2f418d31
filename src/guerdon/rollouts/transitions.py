"""Transitions drawn from a data set, each a trajectory of one step.

Idea
    Offline methods see (s, a, r, s', terminated) and nothing of the order. Which transitions come is the
    curriculum's choice: uniform is the usual replay, a weighted pick is prioritised or quality-weighted replay.
Maths
    ``batch`` rows; with the default curriculum uniform, without replacement inside one batch. With ``returns``,
    ``step.reference_value`` is the data's own return to go, ``G_t = r_t + returns G_{t+1}``.
Reads
    ``task.data()``: a batch with the step columns below.
Deviations
    CORL draws with replacement. The return to go of a cut trajectory ends at the cut: for rewards that are not negative
    it is a lower bound.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream

COLUMNS = ("step.observation", "step.action", "step.reward", "step.terminated", "step.next_observation")
"""What a transition is."""
REFERENCE = "step.reference_value"
"""What the policy of the data went on to earn."""


def return_to_go(data: Batch, discount: float) -> Tensor:
    """``G_t = r_t + discount G_{t+1}`` inside each trajectory, ``[step]``."""
    return segment.discounted_sum(data["step.reward"], data.index("step", "traj"), data.size("traj"), discount)


@dataclass(frozen=True)
class Transitions(Rollout):
    """``batch`` transitions of the task's data set, as trajectories of one step."""

    batch: int = 256
    """Transitions per step of the loop."""
    returns: float | None = None
    """Discount of ``step.reference_value``, what the data's policy went on to earn; None: it is not written."""

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise GuerdonError(f"Transitions.batch must be at least 1, got {self.batch}")
        if self.returns is not None and not 0 <= self.returns <= 1:
            raise GuerdonError(f"Transitions.returns must lie in 0..1 or be None, got {self.returns}")

    @property
    def writes(self) -> tuple[str, ...]:
        """What a transition is, and its reference value if it is asked for."""
        return (*COLUMNS, *(() if self.returns is None else (REFERENCE,)), "group.problem_id")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; ``group.problem_id`` is the row in the data set.

        Raises:
            GuerdonError: if the task has no data set.
        """
        if not hasattr(task, "data"):
            raise GuerdonError(f"Transitions needs a task with a data set, got {type(task).__name__}; use Offline")
        data, rows = task.data(), torch.tensor(pick(self.batch))
        columns = {name: data[name][rows] for name in COLUMNS}
        if self.returns is not None:
            columns[REFERENCE] = return_to_go(data, self.returns)[rows]
        each = torch.arange(len(rows))
        return Batch.build({**columns, "group.problem_id": rows}, traj_of_step=each, group_of_traj=each)

"""Half of a batch from a data set, half from what the policy has done since: fine-tuning online (robofume).

Idea
    Prior data keep what was learned while new data correct it.
Maths
    ``steps`` new steps of each of ``slots`` copies go into a replay buffer; the batch is ``batch // 2`` of its last
    ``capacity`` transitions, drawn with replacement, and the rest from the data set, drawn by the curriculum.
Reads
    The task's ``data`` and ``environments``.
Deviations
    Episodes begin in random start states of the training split and are cut after ``steps``. As in ``Transitions``, the
    return to go of what is cut is a lower bound.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.episodes import as_batch, play
from guerdon.rollouts.transitions import COLUMNS, REFERENCE, return_to_go


class ReplayBuffer(nn.Module):
    """The last transitions, by column."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[str, Tensor] = {}

    def add(self, rows: Mapping[str, Tensor], capacity: int) -> None:
        """Append rows and forget the oldest beyond the capacity."""
        joined = {name: torch.cat([self.rows[name], new]) if self.rows else new for name, new in rows.items()}
        self.rows = {name: values[-capacity:] for name, values in joined.items()}

    def draw(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """``count`` rows, with replacement."""
        size = len(next(iter(self.rows.values())))
        at = torch.randint(size, (count,), generator=generator)
        return {name: values[at] for name, values in self.rows.items()}

    def get_extra_state(self) -> dict[str, Tensor]:
        """The columns, for checkpoints."""
        return dict(self.rows)

    def set_extra_state(self, state: dict[str, Tensor]) -> None:
        """Counterpart of ``get_extra_state``."""
        self.rows = {name: values.cpu() for name, values in state.items()}


@dataclass(frozen=True)
class OnlineOffline(Rollout):
    """``batch`` transitions, half of them new, half of them from the task's data set."""

    batch: int = 256
    """Transitions per step of the loop."""
    slots: int = 1
    """Copies of the environment that play before each batch."""
    steps: int = 60
    """New steps of each copy."""
    capacity: int = 10_000
    """Transitions that the replay buffer holds."""
    returns: float = 0.99
    """Discount of ``step.reference_value``, what was earned from each transition on."""

    writes = (*COLUMNS, REFERENCE, "traj.online", "group.problem_id")

    def __post_init__(self) -> None:
        if self.batch < 2 or min(self.slots, self.steps, self.capacity) < 1 or not 0 <= self.returns <= 1:
            raise GuerdonError(
                f"OnlineOffline needs batch >= 2, positive slots, steps and capacity and returns in 0..1, got {self}"
            )

    def init_state(self) -> ReplayBuffer:
        """An empty buffer."""
        return ReplayBuffer()

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch; ``traj.online`` says which rows are new, whose ``group.problem_id`` is -1.

        Raises:
            GuerdonError: if the task has no data set.
        """
        if not hasattr(task, "data"):
            raise GuerdonError(f"OnlineOffline needs a task with a data set, got {type(task).__name__}; use Offline")
        state.add(self._played(task, policy, stream), self.capacity)
        data, rows = task.data(), torch.tensor(pick(self.batch - self.batch // 2))
        new = state.draw(self.batch // 2, stream.child("replay").generator())
        old = {**{name: data[name] for name in COLUMNS}, REFERENCE: return_to_go(data, self.returns)}
        columns = {name: torch.cat([new[name], values[rows]]) for name, values in old.items()}
        each, number = torch.arange(self.batch), torch.cat([torch.full((self.batch // 2,), -1), rows])
        facts = {"traj.online": number < 0, "group.problem_id": number}
        return Batch.build({**columns, **facts}, traj_of_step=each, group_of_traj=each)

    def _played(self, task: Any, policy: Any, stream: Stream) -> dict[str, Tensor]:
        """The new transitions with their reference values."""
        environment = task.environment
        size = environment.size("train") or 2**31 - 1
        # An episode has at least one step, so no slot can use up its starts.
        starts = torch.randint(size, (self.slots, self.steps), generator=stream.child("start").generator()).tolist()
        played = as_batch(play(environment, policy, starts, stream, horizon=self.steps), None)
        return {**{name: played[name] for name in COLUMNS}, REFERENCE: return_to_go(played, self.returns)}

"""Responses that a task has stored, and nothing sampled: offline learning on the small token tasks.

Idea
    The loop without its samples. Which problems come next is still the curriculum's choice.
Reads
    The task's ``stored`` responses with their rewards.
Deviations
    There is no behaviour log-prob: nobody knows who wrote them. For language models use ``Pairs`` or ``Demonstrations``.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.tabular import stored_batch


@dataclass(frozen=True)
class Stored(Rollout):
    """All stored responses to ``prompts`` problems."""

    prompts: int = 8
    """Problems per step."""
    reward: str = "task"
    """Name of the component that the stored reward becomes."""

    def __post_init__(self) -> None:
        if self.prompts < 1:
            raise GuerdonError(f"Stored.prompts must be at least 1, got {self.prompts}")

    @property
    def writes(self) -> tuple[str, ...]:
        """Tokens and the stored reward."""
        return ("token.context", "token.id", "token.position", f"traj.reward/{self.reward}", "group.problem_id")

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; a problem without stored responses is an empty group."""
        return stored_batch(task, torch.tensor(pick(self.prompts)), self.reward)

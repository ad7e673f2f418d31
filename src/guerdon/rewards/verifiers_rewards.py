"""The rewards of a verifiers task as components: what was a rubric.

Idea
    ``r_ik = reward_k(task, trace)`` for each ``@reward`` method of the task, without its weight; ``WeightedSum`` with
    ``VerifiersTaskset.weights()`` adds them up as verifiers does, and anything else may be done with them instead.
Reads
    ``group.problem`` and ``traj.response``; the task of the run, a ``VerifiersTaskset``.
Deviations
    For responses of a single turn; ``VerifiersEpisodes`` brings the rewards of several turns with it. Guarded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, reward_columns
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import judged
from guerdon.tasks.verifiers_taskset import VerifiersTaskset


@dataclass(frozen=True)
class VerifiersRewards(Transform):
    """One component per ``@reward`` method of the task."""

    names: tuple[str, ...] = ()
    """The rewards to take; empty: all that the tasks declare."""
    guard: Guard = field(default_factory=Guard)
    """How the task's methods are called."""

    reads = ("group.problem", "traj.response", "run.task")

    @property
    def writes(self) -> tuple[str, ...]:
        """The components and the reasons."""
        return (*(f"traj.reward/{name}" for name in self.names or ("*",)), REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The components ``[traj]``, NaN where unscored, and the reasons.

        Raises:
            GuerdonError: if the run's task is no taskset of verifiers, or lacks a reward.
        """
        task = batch["run.task"]
        if not isinstance(task, VerifiersTaskset):
            raise GuerdonError(f"VerifiersRewards needs a VerifiersTaskset as the task, got {type(task).__name__}")
        declared = tuple(task.weights())
        if unknown := sorted(set(self.names) - set(declared)):
            raise GuerdonError(
                f"VerifiersRewards.names must be rewards of the task ({', '.join(declared)}), got {', '.join(unknown)}"
            )
        columns = dict(reward_columns(batch, judged(batch, task.score, self.guard), "verifiers", declared))
        keep = {f"traj.reward/{name}" for name in self.names or declared} | {REASONS}
        return {name: column for name, column in columns.items() if name in keep}

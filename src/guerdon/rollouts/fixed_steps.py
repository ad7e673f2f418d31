"""A fixed number of environment steps per batch, however long the episodes are.

Idea
    PPO's usual batch: every copy takes ``horizon`` steps, begins a new episode when one ends, and is cut at the
    horizon, where the critic stands in for the rest.
Maths
    ``slots * horizon`` rows; see ``rollouts/episodes.py`` for what a cut means.
Reads
    As ``rollouts/episodes.py``.
Deviations
    The first episode of every batch starts afresh, so states later than ``horizon`` steps into an episode are never
    visited: take a horizon of at least an episode.
"""

from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.episodes import PLAYED, as_batch, play
from guerdon.tasks.environment import ControlTask


@dataclass(frozen=True)
class FixedSteps(Rollout):
    """``slots`` copies take exactly ``horizon`` steps each, over as many episodes as that needs."""

    slots: int = 8
    """Copies that step together."""
    horizon: int = 512
    """Steps of each copy per batch."""

    writes = PLAYED

    def __post_init__(self) -> None:
        if min(self.slots, self.horizon) < 1:
            raise GuerdonError(f"FixedSteps needs at least 1 slot and 1 step, got {self}")

    def __call__(self, task: ControlTask, policy: Any, pick: Pick, stream: Stream) -> Batch:
        """One batch; every trajectory is a group of its own."""
        # An episode has at least one step, so no slot can use up its share.
        problems = pick(self.slots * self.horizon)
        queues = [problems[slot :: self.slots] for slot in range(self.slots)]
        return as_batch(play(task, policy, queues, stream, horizon=self.horizon), policy)

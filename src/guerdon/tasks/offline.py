"""An offline data set of mixed quality, made by playing an environment: no download, the same from the same seed.

Idea
    Most trajectories are uniform noise, a share follows the environment's reference controller with errors. The
    problems of this task are the *transitions*, so a curriculum over problems is a replay distribution.
Maths
    ``round(expert * trajectories)`` trajectories by the controller (uniform action with probability ``noise``), the
    rest uniform; start states uniform over the environment's training starts.
Reads
    The environment's ``environments`` and, where ``expert > 0``, ``best_action``.
Deviations
    The data set is kept in memory for the process (the last four), not on disk: making it takes seconds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from guerdon.batch import Batch, concat
from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.policies.scripted import NoisyController, UniformActor
from guerdon.rng import Stream
from guerdon.rollouts.episodes import as_batch, play
from guerdon.serial import from_json, to_json
from guerdon.tasks.environment import Acting, ActionSpace, Environments
from guerdon.tasks.maze import Maze


@dataclass(frozen=True)
class Offline(TaskSpec):
    """``trajectories`` played in ``environment``, ``expert`` of them by its controller."""

    environment: Any = field(default_factory=Maze)
    """A task whose problems are start states."""
    trajectories: int = 500
    """Number of trajectories."""
    horizon: int | None = None
    """Cut trajectories after this many steps (truncated, not terminated); None: to their end."""
    expert: float = 0.0
    """Share of trajectories by the reference controller."""
    noise: float = 0.3
    """Probability of a uniform action in those."""
    seed: int = 0
    """Of the data."""

    def __post_init__(self) -> None:
        if self.trajectories < 1 or not 0 <= self.expert <= 1 or not 0 <= self.noise <= 1:
            raise GuerdonError(f"Offline needs trajectories >= 1, expert and noise in 0..1, got {self}")

    @property
    def observation_size(self) -> int:
        """Features of an observation."""
        return self.environment.observation_size

    @property
    def action_space(self) -> ActionSpace:
        """What can be done."""
        return self.environment.action_space

    def size(self, split: str) -> int | None:
        """Number of transitions for training; start states of the environment for tests."""
        return self.data().size("step") if split == "train" else self.environment.size(split)

    def start(self, split: str, number: int) -> int:
        """The start state of an episode in the environment, for evaluation."""
        return self.environment.start(split, number)

    def environments(self, count: int) -> Environments:
        """Copies of the environment, for evaluation."""
        return self.environment.environments(count)

    def data(self) -> Batch:
        """The data set as a batch of whole trajectories, the controller's first; do not change it in place."""
        return _generate(json.dumps(to_json(self)))


@lru_cache(maxsize=4)
def _generate(text: str) -> Batch:
    """The data set of a task saved as JSON (the text is hashable where the task may not be)."""
    task: Offline = from_json(json.loads(text), "Offline")
    environment, stream = task.environment, Stream((task.seed, "offline"))
    by_controller = round(task.expert * task.trajectories)
    parts = []
    if by_controller:
        parts.append(_play(task, by_controller, _controller(environment, task.noise), stream.child("controller")))
    if rest := task.trajectories - by_controller:
        parts.append(_play(task, rest, UniformActor(environment.action_space), stream.child("uniform")))
    return concat(parts)


def _play(task: Offline, count: int, actor: Acting, stream: Stream) -> Batch:
    size = task.environment.size("train") or 2**31 - 1
    starts: Sequence[int] = torch.randint(size, (count,), generator=stream.child("start").generator()).tolist()
    return as_batch(play(task.environment, actor, [[n] for n in starts], stream, horizon=task.horizon), None)


def _controller(environment: Any, noise: float) -> NoisyController:
    best, choices = getattr(environment, "best_action", None), environment.action_space.choices
    if best is None or choices is None:
        raise GuerdonError(
            f"Offline.expert must be 0 for {type(environment).__name__}, which has no reference controller over choices"
        )
    return NoisyController(best, choices, noise)

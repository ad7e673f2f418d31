"""Environments of gymnasium, by their id.

Idea
    The number of a start state is the seed of ``reset``, so an episode is a function of (seed, actions) for every
    environment that keeps gymnasium's rules. Test seeds begin at 2^31, above every training seed.
Reads
    Nothing; ``rollouts/episodes.py`` plays it.
Deviations
    Observations are flattened to float32 and discrete ones become one-hot; real actions are clipped to the box
    before the environment sees them, as the ``ClipAction`` wrapper does, while the batch keeps what was sampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.tasks.environment import TEST_OFFSET, ActionSpace, Moved


def gymnasium() -> ModuleType:
    """The module ``gymnasium``.

    Raises:
        GuerdonError: if it is not installed; the message names the extra.
    """
    try:
        import gymnasium as module
    except ImportError as error:
        raise GuerdonError(
            f"the task Gym needs the package gymnasium ({error}); install guerdon[control] or another task"
        ) from None
    return module


@dataclass(frozen=True)
class Gym(TaskSpec):
    """A gymnasium environment; problem number n is ``reset(seed=n)``."""

    env_id: str = "CartPole-v1"
    """Id that ``gymnasium.make`` knows."""
    kwargs: dict[str, Any] = field(default_factory=dict)
    """Further arguments of ``gymnasium.make``."""
    train_starts: int | None = None
    """Number of training seeds; None: any seed below 2^31."""

    def __post_init__(self) -> None:
        if self.train_starts is not None and self.train_starts < 1:
            raise GuerdonError(f"Gym.train_starts must be at least 1 or None, got {self.train_starts}")

    def make(self) -> Any:
        """One environment.

        Raises:
            GuerdonError: if gymnasium is missing or cannot make it.
        """
        module = gymnasium()
        try:
            return module.make(self.env_id, disable_env_checker=True, **self.kwargs)
        except (module.error.Error, ImportError, TypeError) as error:
            raise GuerdonError(
                f"Gym.env_id and Gym.kwargs must be what gymnasium.make accepts, got {self.env_id!r} and "
                f"{self.kwargs}: {error}"
            ) from None

    @property
    def observation_size(self) -> int:
        """Features of a flattened observation."""
        env = self.make()
        size = gymnasium().spaces.flatdim(env.observation_space)
        env.close()
        return size

    @property
    def action_space(self) -> ActionSpace:
        """The environment's ``Discrete`` or ``Box`` space.

        Raises:
            GuerdonError: for other spaces.
        """
        env = self.make()
        space, spaces = env.action_space, gymnasium().spaces
        env.close()
        if isinstance(space, spaces.Discrete):
            return ActionSpace(choices=int(space.n))
        if isinstance(space, spaces.Box):
            return ActionSpace(low=tuple(space.low.ravel().tolist()), high=tuple(space.high.ravel().tolist()))
        raise GuerdonError(f"Gym.env_id must have a Discrete or Box action space, got {self.env_id} with {space}")

    def size(self, split: str) -> int | None:
        """``train_starts`` for the training split; test seeds have no end."""
        return self.train_starts if split == "train" else None

    def start(self, split: str, number: int) -> int:
        """The seed of problem ``number``."""
        return number if split == "train" else TEST_OFFSET + number

    def environments(self, count: int) -> "GymEnvironments":
        """``count`` fresh environments."""
        return GymEnvironments(self, count)


class GymEnvironments:
    """Environments of gymnasium that step one after the other."""

    def __init__(self, task: Gym, count: int) -> None:
        self.envs = [task.make() for _ in range(count)]
        spaces = gymnasium().spaces
        seen, acted = self.envs[0].observation_space, self.envs[0].action_space
        # Flattening a box is a reshape; the general function is many times slower.
        is_box = isinstance(seen, spaces.Box)
        self.flat = np.ravel if is_box else lambda observation: spaces.flatten(seen, observation)
        self.is_box_action = isinstance(acted, spaces.Box)
        self.acted = acted

    def _features(self, observations: Sequence[Any]) -> np.ndarray:
        return np.stack([np.asarray(self.flat(observation), dtype=np.float32) for observation in observations])

    def _native(self, action: np.ndarray) -> Any:
        """The action as the environment's own space wants it."""
        if not self.is_box_action:
            return int(action) + int(self.acted.start)
        return np.clip(action.reshape(self.acted.shape), self.acted.low, self.acted.high).astype(self.acted.dtype)

    def reset(self, slots: np.ndarray, starts: Sequence[int]) -> np.ndarray:
        """First observations of these slots under these seeds, ``[slots, features]``."""
        return self._features(
            [self.envs[slot].reset(seed=int(start))[0] for slot, start in zip(slots, starts, strict=True)]
        )

    def step(self, slots: np.ndarray, actions: np.ndarray) -> Moved:
        """One step of these slots."""
        moved = [self.envs[slot].step(self._native(action))[:4] for slot, action in zip(slots, actions, strict=True)]
        observation, reward, terminated, truncated = zip(*moved, strict=True)
        return Moved(
            self._features(observation),
            np.asarray(reward, dtype=np.float32),
            np.asarray(terminated, dtype=bool),
            np.asarray(truncated, dtype=bool),
        )

    def close(self) -> None:
        """Close every environment."""
        for env in self.envs:
            env.close()

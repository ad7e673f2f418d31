"""An environment for tests whose every number can be worked out by hand."""

from dataclasses import dataclass

import numpy as np
import torch

from guerdon.tasks.environment import ActionSpace, Moved


@dataclass(frozen=True)
class Corridor:
    """Start ``s`` is at distance ``s % 5 + 1`` from the end; every step pays 2 and moves by 1, whatever is done.

    The observation is (distance left, steps taken). Reaching distance 0 terminates; ``limit`` steps truncate.
    """

    limit: int = 100
    real: bool = False
    observation_size = 2

    @property
    def action_space(self) -> ActionSpace:
        return ActionSpace(low=(-1.0,), high=(1.0,)) if self.real else ActionSpace(choices=2)

    def size(self, split):
        return None

    def start(self, split, number):
        return number

    def environments(self, count):
        return CorridorCopies(self.limit, count)


class CorridorCopies:
    def __init__(self, limit, count):
        self.limit, self.left, self.taken = limit, np.zeros(count, int), np.zeros(count, int)

    def seen(self, slots):
        return np.stack([self.left[slots], self.taken[slots]], 1).astype(np.float32)

    def reset(self, slots, starts):
        self.left[slots], self.taken[slots] = [start % 5 + 1 for start in starts], 0
        return self.seen(slots)

    def step(self, slots, actions):
        assert len(actions) == len(slots)
        self.left[slots] -= 1
        self.taken[slots] += 1
        terminated = self.left[slots] == 0
        return Moved(
            self.seen(slots), np.full(len(slots), 2.0, np.float32), terminated, self.taken[slots] >= self.limit
        )

    def close(self):
        self.left = None


class DistancePolicy:
    """Acts at random; its value of a state is 10 x distance + steps taken."""

    def act(self, observation, generator, greedy=False):
        action = torch.randint(2, (len(observation),), generator=generator)
        return action, torch.full((len(observation),), 0.5).log()

    def value(self, observation):
        return 10 * observation[:, 0] + observation[:, 1]

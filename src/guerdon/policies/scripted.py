"""Who acts without learning: uniform noise, and a task's reference controller with a share of noise.

Idea
    Makes offline data of known quality. Neither is a policy to train.
Maths
    Uniform: ``mu = 1 / |A|``, or the density of the box. Controller: ``mu(a | s) = noise / |A| + (1 - noise)
    1[a = best(s)]`` over choices.
Reads
    The task's ``best_action(observation)``.
Deviations
    None.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.tasks.environment import ActionSpace


@dataclass(frozen=True)
class UniformActor:
    """Every action alike."""

    space: ActionSpace
    """What can be done; a box must be bounded."""

    def act(self, observation: Tensor, generator: torch.Generator, greedy: bool = False) -> tuple[Tensor, Tensor]:
        """Actions and log-probabilities; ``greedy`` changes nothing."""
        count = len(observation)
        if self.space.choices is not None:
            action = torch.randint(self.space.choices, (count,), generator=generator)
            return action, torch.full((count,), 1 / self.space.choices).log()
        low, high = torch.tensor(self.space.low), torch.tensor(self.space.high)
        action = low + (high - low) * torch.rand((count, self.space.size), generator=generator)
        return action, -(high - low).log().sum().expand(count)


@dataclass(frozen=True)
class NoisyController:
    """A controller that errs."""

    best: Callable[[Tensor], Tensor]
    """Observations ``[n, features]`` -> actions ``[n]``."""
    choices: int
    """Number of alternatives."""
    noise: float
    """Probability of a uniform action."""

    def act(self, observation: Tensor, generator: torch.Generator, greedy: bool = False) -> tuple[Tensor, Tensor]:
        """Actions and log-probabilities; ``greedy`` leaves the noise out."""
        best = self.best(observation)
        uniform = torch.randint(self.choices, best.shape, generator=generator)
        errs = (torch.rand(best.shape, generator=generator) < self.noise) & (not greedy)
        action = torch.where(errs, uniform, best)
        noise = 0.0 if greedy else self.noise
        return action, (noise / self.choices + (1 - noise) * (action == best)).log()

"""What an environment task offers: spaces, start states by number, and many copies that step together.

Idea
    A start state is the *problem* of an environment: curricula pick start states by number exactly as they pick
    prompts, and a group is the rollouts of one start state. Copies step as one object, so that an environment
    written on arrays pays one call for all of them, and one that is not loops inside.
Reads
    Nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from guerdon.errors import GuerdonError

TEST_OFFSET = 2**31
"""First start number of the test split where starts are numbered without end: training numbers stay below it."""


@dataclass(frozen=True)
class ActionSpace:
    """Either ``choices`` alternatives, or a box of ``len(low)`` real numbers."""

    choices: int | None = None
    """Number of alternatives; None where actions are real vectors."""
    low: tuple[float, ...] = ()
    """Lower bounds of a real action."""
    high: tuple[float, ...] = ()
    """Upper bounds of a real action."""

    def __post_init__(self) -> None:
        if (self.choices is None) == (not self.low) or len(self.low) != len(self.high):
            raise GuerdonError(f"an action space must have choices, or low and high of one length, got {self}")

    @property
    def size(self) -> int:
        """Entries of a real action; 0 where there are choices."""
        return len(self.low)


class Moved(NamedTuple):
    """What one step of some copies gave; every field has one row per copy that stepped."""

    observation: np.ndarray
    """The state after the step, the last one of an episode included, ``[slots, features]`` float32."""
    reward: np.ndarray
    """``[slots]`` float32."""
    terminated: np.ndarray
    """The episode ended and nothing follows (value 0), ``[slots]`` bool."""
    truncated: np.ndarray
    """The episode was cut, say by a time limit, and could have gone on, ``[slots]`` bool."""


class Environments(Protocol):
    """Copies ("slots") of one environment. They never restart by themselves."""

    def reset(self, slots: np.ndarray, starts: Sequence[int]) -> np.ndarray:
        """Put these slots into the start states of these numbers; first observations ``[slots, features]``."""
        ...

    def step(self, slots: np.ndarray, actions: np.ndarray) -> Moved:
        """One step of these slots: ``actions`` ``[slots]`` int64 or ``[slots, size]`` float32."""
        ...

    def close(self) -> None:
        """Give up what the copies hold."""
        ...


class Acting(Protocol):
    """Whoever can choose actions: a policy, or a scripted controller."""

    def act(self, observation: Tensor, generator, greedy: bool = False) -> tuple[Tensor, Tensor]:
        """Actions ``[n]`` or ``[n, size]`` and their log-probabilities ``[n]``; ``greedy`` takes the mode."""
        ...


@runtime_checkable
class ControlTask(Protocol):
    """A task whose problems are start states."""

    @property
    def observation_size(self) -> int:
        """Features of a (flattened) observation."""
        ...

    @property
    def action_space(self) -> ActionSpace:
        """What can be done."""
        ...

    def size(self, split: str) -> int | None:
        """Number of start states of a split; None if there is no end of them."""
        ...

    def start(self, split: str, number: int) -> int:
        """The start state that is problem ``number`` of a split."""
        ...

    def environments(self, count: int) -> Environments:
        """``count`` fresh copies."""
        ...

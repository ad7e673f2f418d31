"""HyperGrid: build a point of a D-dimensional grid one unit step at a time (the standard GFlowNet test task).

Idea
    Start in the origin, raise one coordinate per step, exit anywhere. Many paths lead to one point, so the task is
    a DAG and not a tree, and it is small enough that the target law R/Z is known.
Maths
    With a_d = |x_d/(H-1) - 1/2|:  R(x) = R0 + R1 prod_d 1[a_d > .25] + R2 prod_d 1[.3 < a_d < .4].
    The 2^D cells (or clumps of cells) where both products are 1 are the modes, one per corner.
Reads
    Nothing. What a construction task offers to ``rollouts/construct.py``, ``policies/flow.py`` and
    ``solvers/construction.py``: ``start``, ``allowed``, ``advance``, ``parents``, ``reward``; the last action exits.
Deviations
    None; the comparisons have torchgfn's slack of 1e-4, so that a coordinate on a boundary is outside.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec

SLACK = 1e-4


@dataclass(frozen=True)
class HyperGrid(TaskSpec):
    """``side^dimensions`` points with reward R0 + R1 [outer ring] + R2 [thin band]; 2^D modes."""

    dimensions: int = 2
    """D: coordinates, and moves besides the exit."""
    side: int = 8
    """H: values of a coordinate, 0..H-1."""
    r0: float = 0.1
    """R0: reward of every point. Small values hide the modes from each other."""
    r1: float = 0.5
    """R1: extra reward where every coordinate is in the outer half."""
    r2: float = 2.0
    """R2: extra reward in the modes."""

    def __post_init__(self) -> None:
        if self.dimensions < 1 or self.side < 2 or min(self.r0, self.r1, self.r2) < 0:
            raise GuerdonError(f"HyperGrid needs dimensions >= 1, side >= 2 and rewards >= 0, got {self}")

    @property
    def actions(self) -> int:
        """Raise one of D coordinates, or exit (the last action)."""
        return self.dimensions + 1

    @property
    def points(self) -> int:
        """Number of states, H^D; every one may be exited from."""
        return self.side**self.dimensions

    @property
    def depth(self) -> int:
        """Most moves before the exit."""
        return self.dimensions * (self.side - 1)

    @property
    def width(self) -> int:
        """Features that ``encode`` gives."""
        return self.dimensions * self.side

    def size(self, split: str) -> int:
        """One start state."""
        return 1

    def states(self) -> Tensor:
        """All states in the order of their ``number``, int64 ``[H^D, D]``; every parent comes before its children."""
        axes = torch.meshgrid(*[torch.arange(self.side)] * self.dimensions, indexing="ij")
        return torch.stack([axis.reshape(-1) for axis in axes], 1)

    def number(self, state: Tensor) -> Tensor:
        """Row of each state ``[n, D]`` in ``states()``, ``[n]``."""
        powers = self.side ** torch.arange(self.dimensions - 1, -1, -1, device=state.device)
        return (state * powers).sum(1)

    def encode(self, state: Tensor) -> Tensor:
        """One-hot coordinates, float ``[n, D * H]``."""
        return torch.nn.functional.one_hot(state, self.side).flatten(1).to(torch.get_default_dtype())

    def start(self, problem: Tensor) -> Tensor:
        """The first state of each construction, ``[n, D]``."""
        return torch.zeros((len(problem), self.dimensions), dtype=torch.int64)

    def allowed(self, state: Tensor) -> Tensor:
        """Which actions each state ``[n, D]`` permits, bool ``[n, actions]``; the exit always is."""
        return torch.cat([state < self.side - 1, torch.ones_like(state[:, :1], dtype=torch.bool)], 1)

    def parents(self, state: Tensor) -> Tensor:
        """Which actions can have led to each state, bool ``[n, actions]``; the exit never does."""
        return torch.cat([state > 0, torch.zeros_like(state[:, :1], dtype=torch.bool)], 1)

    def advance(self, state: Tensor, action: Tensor) -> Tensor:
        """The state after each action, ``[n, D]``; an exit leaves it as it is."""
        moves = torch.eye(self.actions, self.dimensions, dtype=torch.int64, device=state.device)
        return state + moves[action]

    def reward(self, state: Tensor) -> Tensor:
        """R of each state, float ``[n]``."""
        ring, band = self._regions(state)
        dtype = torch.get_default_dtype()
        return self.r0 + self.r1 * ring.to(dtype) + self.r2 * (ring & band).to(dtype)

    def modes(self) -> Tensor:
        """Number of the mode that each state belongs to, ``[H^D]``, -1 for none; a mode's number is its corner."""
        states = self.states()
        ring, band = self._regions(states)
        corner = ((2 * states > self.side - 1) * 2 ** torch.arange(self.dimensions)).sum(1)
        return torch.where(ring & band, corner, torch.full_like(corner, -1))

    def target(self) -> Tensor:
        """The law R/Z over ``states()``, float64 ``[H^D]``."""
        ring, band = self._regions(self.states())
        reward = self.r0 + self.r1 * ring.double() + self.r2 * (ring & band).double()
        return reward / reward.sum()

    def _regions(self, state: Tensor) -> tuple[Tensor, Tensor]:
        away = (state.double() / (self.side - 1) - 0.5).abs()
        ring = (away > 0.25 + SLACK).all(1)
        return ring, ((away > 0.3 + SLACK) & (away < 0.4 - SLACK)).all(1)

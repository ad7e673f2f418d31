"""A maze on a grid with paying exits: small enough for exact answers, stepped on arrays.

Idea
    A near exit that pays little and a far one that pays much separate methods that follow the data, that improve on
    it by one step, and that find the best path in it.
Maths
    Deterministic moves up, right, down, left; walls hold. Leaving through exit k pays ``exits[k]`` and terminates.
    The observation is the one-hot cell, so linear networks are tables.
Reads
    Nothing; ``rollouts/episodes.py`` plays it, ``tasks/offline.py`` makes data of it.
Deviations
    Training episodes begin in any free cell, test episodes in the cells marked ``S``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.solvers.mdp import FiniteMDP
from guerdon.tasks.environment import ActionSpace, Moved

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
"""Up, right, down, left."""
DECOY = (
    "0#.......",
    ".#.#####.",
    "...#...#.",
    "S###.#.#.",
    "...#.#.#.",
    ".#.#.#.#.",
    ".#...#..1",
)
"""Exit 0 is 3 moves from the start, exit 1 is 17 moves away."""


@dataclass(frozen=True)
class Maze(TaskSpec):
    """Walk from ``S`` to an exit ``0``..``9``; exit k pays ``exits[k]``."""

    rows: tuple[str, ...] = DECOY
    """The map: ``#`` wall, ``.`` free, ``S`` a start of test episodes, a digit an exit. Outside is wall."""
    exits: tuple[float, ...] = (3.0, 10.0)
    """What the exits pay, by their digit."""
    limit: int = 60
    """Steps after which an episode is truncated."""

    def __post_init__(self) -> None:
        letters = "".join(self.rows)
        if len({len(row) for row in self.rows}) != 1 or set(letters) - set("#.S0123456789") or "S" not in letters:
            raise GuerdonError(
                f"Maze.rows must be rows of one length made of '#', '.', digits and at least one 'S', got {self.rows}"
            )
        unpaid = sorted({int(cell) for cell in letters if cell.isdigit()} - set(range(len(self.exits))))
        if unpaid or self.limit < 1:
            raise GuerdonError(
                f"Maze needs limit >= 1 and a pay in exits for every digit, got limit {self.limit} and no pay for "
                f"{unpaid or 'none'}"
            )

    @cached_property
    def cells(self) -> dict[tuple[int, int], int]:
        """(row, column) -> state, for free cells in reading order."""
        free = ((i, j) for i, row in enumerate(self.rows) for j, cell in enumerate(row) if cell in ".S")
        return {place: state for state, place in enumerate(free)}

    @cached_property
    def moves(self) -> tuple[np.ndarray, np.ndarray]:
        """Where each action leads ``[S, 4]``, -1 through an exit, and what it pays ``[S, 4]``."""
        there, pay = np.zeros((len(self.cells), 4), int), np.zeros((len(self.cells), 4), np.float32)
        for (row, column), state in self.cells.items():
            for action, (down, right) in enumerate(MOVES):
                i, j = row + down, column + right
                inside = 0 <= i < len(self.rows) and 0 <= j < len(self.rows[0])
                cell = self.rows[i][j] if inside else "#"
                there[state, action] = -1 if cell.isdigit() else self.cells.get((i, j), state)
                pay[state, action] = self.exits[int(cell)] if cell.isdigit() else 0.0
        return there, pay

    @property
    def observation_size(self) -> int:
        """Number of free cells."""
        return len(self.cells)

    @property
    def action_space(self) -> ActionSpace:
        """Four moves."""
        return ActionSpace(choices=4)

    @property
    def starts(self) -> list[int]:
        """States marked ``S``."""
        return [state for (i, j), state in self.cells.items() if self.rows[i][j] == "S"]

    def size(self, split: str) -> int:
        """Number of start states: every free cell for training, those marked ``S`` for tests."""
        return len(self.cells) if split == "train" else len(self.starts)

    def start(self, split: str, number: int) -> int:
        """The state in which problem ``number`` begins; numbers beyond the size begin again."""
        return number % len(self.cells) if split == "train" else self.starts[number % len(self.starts)]

    def environments(self, count: int) -> "MazeEnvironments":
        """``count`` copies, stepped together."""
        return MazeEnvironments(self, count)

    def mdp(self, discount: float) -> FiniteMDP:
        """The same maze as tables, without the step limit."""
        there, pay = (torch.from_numpy(table) for table in self.moves)
        exits = torch.zeros(len(self.cells), 4, len(self.cells) + 1)
        transition = exits.scatter(2, there.remainder(len(self.cells) + 1)[..., None], 1.0)[..., :-1]
        return FiniteMDP(transition, pay, discount)

    def best_action(self, observation: Tensor) -> Tensor:
        """What the optimal policy at discount 0.97 does, ``[n]``: the reference controller for data."""
        return self.mdp(0.97).optimal_q().argmax(1)[observation.argmax(1)]


class MazeEnvironments:
    """Positions and step counts of the copies."""

    def __init__(self, task: Maze, count: int) -> None:
        self.there, self.pay = task.moves
        self.limit = task.limit
        self.state, self.taken = np.zeros(count, int), np.zeros(count, int)

    def _seen(self, states: np.ndarray) -> np.ndarray:
        """One-hot; all 0 outside."""
        return (states[:, None] == np.arange(len(self.pay))).astype(np.float32)

    def reset(self, slots: np.ndarray, starts: Sequence[int]) -> np.ndarray:
        """Put slots into states; one-hot observations ``[slots, cells]``."""
        self.state[slots], self.taken[slots] = starts, 0
        return self._seen(self.state[slots])

    def step(self, slots: np.ndarray, actions: np.ndarray) -> Moved:
        """One move of these slots."""
        before = self.state[slots]
        self.state[slots] = after = self.there[before, actions]
        self.taken[slots] += 1
        out = after < 0
        return Moved(self._seen(after), self.pay[before, actions], out, (self.taken[slots] >= self.limit) & ~out)

    def close(self) -> None:
        """Nothing to give up."""

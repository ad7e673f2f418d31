"""A road with obstacles that can be passed slowly, fast, or not at all: the smallest driving task.

Idea
    Fast driving crashes often where an obstacle is, slow driving seldom, and standing still never: rewards that pay for
    every clean step are tempted to stand.
Maths
    Actions stay, slow (1 cell) and fast (2 cells). Entering an obstacle's cell, or jumping over it, crashes with
    ``fast_crash`` or ``slow_crash``. The reward is the percent of the road that was gained. A crash terminates; the end
    of the road and the time limit truncate.
    Observation: one-hot cell, then completion in 0..1 (feature -3), whether the last step passed an obstacle fast
    (-2), and whether it crashed (-1).
Reads
    Nothing; ``rollouts/episodes.py`` plays it.
Deviations
    None.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.rng import Stream
from guerdon.tasks.environment import ActionSpace, Moved


@dataclass(frozen=True)
class Lane(TaskSpec):
    """Drive along ``cells`` cells from the first to beyond the last."""

    cells: int = 20
    """Length of the road."""
    obstacles: tuple[int, ...] = (4, 8, 12, 16)
    """Cells with an obstacle."""
    fast_crash: float = 0.35
    """Chance to crash at an obstacle at 2 cells a step."""
    slow_crash: float = 0.04
    """Chance to crash at an obstacle at 1 cell a step."""
    limit: int = 40
    """Steps after which an episode is truncated."""

    def __post_init__(self) -> None:
        if min(self.cells, self.limit) < 1 or not all(0 < cell < self.cells for cell in self.obstacles):
            raise GuerdonError(f"Lane needs cells, limit >= 1 and obstacles inside the road, got {self}")
        if not 0 <= self.slow_crash <= 1 or not 0 <= self.fast_crash <= 1:
            raise GuerdonError(
                f"Lane.slow_crash and fast_crash must lie in [0, 1], got {self.slow_crash} and {self.fast_crash}"
            )

    @property
    def observation_size(self) -> int:
        """Cells and three features."""
        return self.cells + 3

    @property
    def action_space(self) -> ActionSpace:
        """Stay, slow, fast."""
        return ActionSpace(choices=3)

    def size(self, split: str) -> int | None:
        """Start numbers are seeds of the crashes, without end."""
        return None

    def start(self, split: str, number: int) -> int:
        """The seed of problem ``number``; those of tests are others."""
        return 2 * number + (split != "train")

    def environments(self, count: int) -> "LaneEnvironments":
        """``count`` copies, stepped together."""
        return LaneEnvironments(self, count)


class LaneEnvironments:
    """Positions and the chances of the copies."""

    def __init__(self, task: Lane, count: int) -> None:
        self.task = task
        self.cell, self.taken = np.zeros(count, int), np.zeros(count, int)
        self.chance = np.zeros((count, task.limit))
        blocked = np.zeros(task.cells + 3, int)
        blocked[list(task.obstacles)] = 1
        self.passed = np.cumsum(blocked)

    def _seen(self, cells: np.ndarray, flags: np.ndarray) -> np.ndarray:
        done = np.minimum(cells / self.task.cells, 1.0)[:, None]
        return np.concatenate([cells[:, None] == np.arange(self.task.cells), done, flags], 1).astype(np.float32)

    def reset(self, slots: np.ndarray, starts: Sequence[int]) -> np.ndarray:
        """Put slots at the start; the number decides which passings crash."""
        self.cell[slots], self.taken[slots] = 0, 0
        for slot, number in zip(slots, starts, strict=True):
            seed = Stream((number, "lane")).generator().initial_seed()
            self.chance[slot] = np.random.default_rng(seed).random(self.task.limit)
        return self._seen(self.cell[slots], np.zeros((len(slots), 2)))

    def step(self, slots: np.ndarray, actions: np.ndarray) -> Moved:
        """One move of these slots."""
        before, moment = self.cell[slots], self.taken[slots]
        after = before + actions
        meets = self.passed[after] > self.passed[before]
        fast = meets & (actions == 2)
        risk = np.where(fast, self.task.fast_crash, self.task.slow_crash) * meets
        crash = self.chance[slots, moment] < risk
        self.cell[slots], self.taken[slots] = after, moment + 1
        percent = 100 * (np.minimum(after, self.task.cells) - before) / self.task.cells
        cut = ~crash & ((after >= self.task.cells) | (moment + 1 >= self.task.limit))
        return Moved(self._seen(after, np.stack([fast, crash], 1)), percent.astype(np.float32), crash, cut)

    def close(self) -> None:
        """Nothing to give up."""

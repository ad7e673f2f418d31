"""Learning in a room in which nobody brings the robot back to the start (robofume).

Idea
    After its first success an agent that only has the forward task stays where it is, so it stops learning about the
    way there. A second task that leads back makes it practice.
Maths
    Q-learning with one table per task: ``Q <- Q + rate (r + discount max Q(s') - Q)``, r = 0 where success is judged,
    nothing following, and -1 elsewhere; actions are uniform with probability ``epsilon``. Task 0 leads to the last cell,
    task 1 to the first. A move slips to a uniform one with probability ``slip``.
Reads
    Nothing; ``learn`` gives the forward table and ``success`` its exact success from near the start.
Deviations
    A judge that is wrong calls any state a success with probability ``false_positives``; it misses none.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.rollouts.reset_free import is_over

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


@dataclass(frozen=True)
class ResetFreeRoom:
    """n x n cells; from the first cell to the last and back."""

    size: int = 8
    """n."""
    slip: float = 0.1
    """Probability that a move is a random one."""
    steps: int = 10_000
    """Steps of experience."""
    horizon: int = 60
    """Steps after which it is the next task's turn."""
    rate: float = 0.5
    """Learning rate."""
    discount: float = 0.95
    """Of what follows."""
    epsilon: float = 0.1
    """Probability of a random action while learning."""
    false_positives: float = 0.0
    """Probability that a state that is no success is called one."""
    seed: int = 0
    """Of all that is random."""

    def __post_init__(self) -> None:
        shares = (self.slip, self.rate, self.discount, self.epsilon, self.false_positives)
        if self.size < 2 or min(self.steps, self.horizon) < 1 or not 0 <= min(shares) <= max(shares) <= 1:
            raise GuerdonError(
                f"ResetFreeRoom needs size >= 2, positive steps and horizon and shares in 0..1, got {self}"
            )

    def there(self) -> Tensor:
        """Where each move leads, ``[S, 4]``."""
        cell, last = torch.arange(self.size**2), self.size - 1
        row, column = cell // self.size, cell % self.size
        ends = [(row + i).clamp(0, last) * self.size + (column + j).clamp(0, last) for i, j in MOVES]
        return torch.stack(ends, 1)

    def learn(self, tasks: int = 2, resets: bool = False) -> Tensor:
        """Forward action values ``[S, 4]``; one task is forward only, ``resets`` puts it back to the first cell.

        Raises:
            GuerdonError: if there are neither one nor two tasks.
        """
        if tasks not in (1, 2):
            raise GuerdonError(f"ResetFreeRoom has a task forward and one back, got tasks={tasks}")
        generator = Stream((self.seed, "reset_free_room")).generator()
        draws = torch.rand((self.steps, 3), generator=generator).tolist()
        moves = torch.randint(4, (self.steps, 2), generator=generator).tolist()
        there, goals = self.there().tolist(), (self.size**2 - 1, 0)
        q = [[[0.0] * 4 for _ in there] for _ in range(2)]
        state, task, taken = 0, 0, 0
        for (explore, slip, judge), (random_action, slipped) in zip(draws, moves, strict=True):
            values = q[task][state]
            action = random_action if explore < self.epsilon else values.index(max(values))
            after = there[state][slipped if slip < self.slip else action]
            success = after == goals[task] or judge < self.false_positives
            target = 0.0 if success else -1.0 + self.discount * max(q[task][after])
            values[action] += self.rate * (target - values[action])
            state, taken = after, taken + 1
            if is_over(taken, success, self.horizon):
                task, taken, state = (task + 1) % tasks, 0, 0 if resets else state
        return torch.tensor(q[0], dtype=torch.float64)

    def success(self, q: Tensor) -> float:
        """Exact probability that the greedy policy reaches the last cell in ``horizon`` steps, over the first quarter."""
        cells, there = self.size**2, self.there()
        step = torch.zeros(cells, cells, dtype=torch.float64)
        rows = torch.arange(cells)
        step[rows, there[rows, q.argmax(1)]] += 1 - self.slip
        for action in range(4):
            step[rows, there[:, action]] += self.slip / 4
        step[-1] = 0
        step[-1, -1] = 1
        half = (self.size + 1) // 2
        near = (rows // self.size < half) & (rows % self.size < half)
        return float(torch.linalg.matrix_power(step, self.horizon)[near, -1].mean())

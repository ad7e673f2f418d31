"""Pushing a thing along a line of uneven ground, in reality or in a model of it.

Idea
    A policy is trained where it cannot do harm: in a simulator that assumes even ground, or in a model of the world
    learned from demonstrations. What counts is how it then does on the real ground.
Maths
    Cells 0..C-1; a push of -2..2 moves by ``push slip(cell)``, stopped by the walls, slip a random 0, 1 or 2 per cell,
    never 0 on odd cells. T pushes from a start cell; success is to end on the goal. Demonstrations push right
    (the shortest real way) half of the time, at random else, and are seen with an error of one cell in ``blur`` of their
    steps. The learned model takes the move seen most often of each (cell, push), even ground where none was seen. The
    start clones the demonstrations: ``log(1 + count)`` per (goal, cell). The judge's ``votes`` err with ``judge_error``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it. A row of the policy is (goal, step, cell).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask

PUSHES = torch.arange(-2, 3)


@dataclass(frozen=True)
class PushLine(TokenTask):
    """C cells, a start and a goal per prompt, ``depth`` pushes of -2..2; ``dynamics`` is where it is played."""

    cells: int = 10
    """C."""
    depth: int = 4
    """T: pushes."""
    dynamics: Literal["real", "even", "learned"] = "learned"
    """The real ground, even ground, or the model learned from demonstrations."""
    demonstrations: int = 40
    """Episodes that the model and the initial policy are learned from."""
    blur: float = 0.1
    """Share of the steps of demonstrations that are seen one cell off."""
    votes: int = 5
    """Verdicts of the judge on each trajectory."""
    judge_error: float = 0.1
    """How often a verdict is wrong."""
    seed: int = 0
    """Of ground and demonstrations."""

    actions = len(PUSHES)

    def __post_init__(self) -> None:
        if self.cells < 2 or min(self.depth, self.votes) < 1 or self.demonstrations < 0:
            raise GuerdonError(f"PushLine needs cells >= 2, depth and votes >= 1, demonstrations >= 0, got {self}")
        if not 0 <= self.blur <= 1 or not 0 <= self.judge_error <= 1:
            raise GuerdonError(f"PushLine.blur and judge_error must lie in 0..1, got {self}")

    @property
    def contexts(self) -> int:
        """One row per goal, step and cell."""
        return self.cells * self.depth * self.cells

    def size(self, split: str) -> int:
        """Pairs of a start and a goal: number ``start C + goal``."""
        return self.cells**2

    def moves(self, dynamics: str | None = None) -> Tensor:
        """Next cell, ``[C, 5]``, on the ground asked for; None: where the task is played."""
        real, learned, _ = _ground(self)
        even = (torch.arange(self.cells)[:, None] + PUSHES).clamp(0, self.cells - 1)
        return {"real": real, "even": even, "learned": learned}[dynamics or self.dynamics]

    def initial_logits(self) -> Tensor:
        """``[C T C, 5]``."""
        counts = _ground(self)[2]
        return (1 + counts)[:, None].expand(-1, self.depth, -1, -1).reshape(-1, self.actions).log()

    def _cell(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Where pushes ``[n, t]`` lead, ``[n]``."""
        cell, moves = prompt // self.cells, self.moves()
        for push in prefix.unbind(1):
            cell = moves[cell, push]
        return cell

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of the goal, the step and the cell, ``[n]``."""
        goal = prompt % self.cells
        return (goal * self.depth + prefix.shape[1]) * self.cells + self._cell(prompt, prefix)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (success where it is played) ``[n]``; ``traj.votes`` ``[n, votes]``."""
        success = self._cell(prompt, tokens) == prompt % self.cells
        wrong = torch.rand((len(prompt), self.votes), generator=generator) < self.judge_error
        return {"traj.reward/task": success.float(), "traj.votes": (success[:, None] ^ wrong).float()}

    def real_success(self, rows: Tensor) -> float:
        """Exact success on the real ground under logits ``[C T C, 5]``, over all starts and goals that differ."""
        prob, moves = rows.softmax(-1).view(self.cells, self.depth, self.cells, self.actions), self.moves("real")
        value = torch.eye(self.cells, dtype=rows.dtype)
        for step in reversed(range(self.depth)):
            value = (prob[:, step] * value[:, moves]).sum(2)
        apart = ~torch.eye(self.cells, dtype=torch.bool)
        return float(value[apart].mean())


@cache
def _ground(task: PushLine) -> tuple[Tensor, Tensor, Tensor]:
    """Real moves and learned moves ``[C, 5]``, and demonstrated pushes per goal and cell ``[C, C, 5]``."""
    generator, cells = Stream((task.seed, "push_line")).generator(), task.cells
    slip = torch.randint(0, 3, (cells,), generator=generator)
    here = torch.arange(cells)
    slip[1::2] = slip[1::2].clamp(min=1)
    real = (here[:, None] + PUSHES * slip[:, None]).clamp(0, cells - 1)
    best = _shortest(real)
    seen, counts = torch.zeros(cells, task.actions, cells), torch.zeros(cells, cells, task.actions)
    for _ in range(task.demonstrations):
        cell, goal = torch.randint(cells, (2,), generator=generator).tolist()
        for _ in range(task.depth):
            luck = torch.rand(3, generator=generator).tolist()
            push = int(best[goal, cell]) if luck[0] < 0.5 else int(luck[1] * task.actions)
            counts[goal, cell, push] += 1
            after = int(real[cell, push])
            shown = (
                after
                if luck[2] >= task.blur
                else min(max(after + (1 if luck[2] < task.blur / 2 else -1), 0), cells - 1)
            )
            seen[cell, push, shown] += 1
            cell = after
    even = (here[:, None] + PUSHES).clamp(0, cells - 1)
    return real, torch.where(seen.sum(2) > 0, seen.argmax(2), even), counts


def _shortest(moves: Tensor) -> Tensor:
    """First push of a shortest way for each goal and cell, ``[C, C]``."""
    cells = len(moves)
    steps = torch.where(torch.eye(cells, dtype=torch.bool), 0.0, float("inf"))
    for _ in range(cells):
        steps = torch.minimum(steps, 1 + steps[:, moves].amin(2))
    # A far step counts like the farthest, so that a cell from which no way leads has a push too.
    return steps[:, moves].clamp(max=2.0 * cells).argmin(2)

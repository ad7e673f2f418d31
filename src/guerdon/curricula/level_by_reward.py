"""Prompts shown more easily where they are failed and less clearly where they are solved (reg_grpo's augmentation).

Idea
    Groups of equal rewards teach nothing. A prompt that does worse than what was usual lately gets a hint, one that does
    better gets noise, and the more so the larger the difference is.
Maths
    ``Delta(x) = mean reward of x's responses - mean reward of the last W steps``; x's level rises by
    ``round(Delta / width)``, within the levels that the task has. Level 0 of ``task.plain`` is the prompt as it is.
Reads
    ``traj.reward``, ``group.problem_id``; the task's ``levels`` and ``plain``: problem number = prompt levels + level.
Deviations
    Delta is known after a prompt was answered, so it acts when the prompt comes again, and adds to the level it was shown
    at. Prompts are uniform. Unscored groups change nothing.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream


class Levels(nn.Module):
    """Levels of the prompts seen so far, relative to the plain one, and the mean rewards of the last steps."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: dict[int, int] = {}
        self.recent: list[float] = []

    def get_extra_state(self) -> Tensor:
        """One tensor for checkpoints: rows (prompt, level), then rows (-1, mean reward)."""
        rows = [[float(key), float(level)] for key, level in self.levels.items()] + [
            [-1.0, mean] for mean in self.recent
        ]
        return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)

    def set_extra_state(self, state: Tensor) -> None:
        """Counterpart of ``get_extra_state``."""
        rows = state.tolist()
        self.levels = {int(key): int(level) for key, level in rows if key >= 0}
        self.recent = [mean for key, mean in rows if key < 0]


@dataclass(frozen=True)
class LevelByReward(Curriculum):
    """Uniform prompts, each at a level that follows how it is doing."""

    width: float = 0.25
    """Difference in mean reward that is worth one level."""
    window: int = 10
    """W: steps that the usual reward is a mean of."""

    reads = ("traj.reward", "group.problem_id")

    def __post_init__(self) -> None:
        if not self.width > 0 or self.window < 1:
            raise GuerdonError(f"LevelByReward needs width > 0 and window >= 1, got {self.width} and {self.window}")

    def init_state(self) -> Levels:
        """Every prompt plain."""
        return Levels()

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers of different prompts, as long as there are enough.

        Raises:
            GuerdonError: if the task has no levels.
        """
        if not hasattr(task, "levels"):
            raise GuerdonError(
                f"LevelByReward needs a task with levels, such as GradedBandit, got {type(task).__name__}"
            )
        prompts, generator = task.size("train") // task.levels, stream.generator()
        rounds = -(-count // prompts)
        order = torch.cat([torch.randperm(prompts, generator=generator) for _ in range(rounds)])[:count]
        return [prompt * task.levels + task.plain + state.levels.get(prompt, 0) for prompt in order.tolist()]

    def observe(self, batch: Batch, state: Any = None) -> None:
        """Move the levels of the batch's prompts; then the batch belongs to the last steps."""
        task, reward = batch["run.task"], batch["traj.reward"]
        index, size, scored = batch.index("traj", "group"), batch.size("group"), reward.isfinite()
        means = segment.mean(reward, index, size, scored).tolist()
        known = (segment.count(index, size, scored) > 0).tolist()
        usual = sum(state.recent) / len(state.recent) if state.recent else None
        for problem, mean, counts in zip(batch["group.problem_id"].tolist(), means, known, strict=True):
            if counts and usual is not None:
                prompt, level = divmod(problem, task.levels)
                level = min(max(level + round((mean - usual) / self.width), 0), task.levels - 1)
                state.levels[prompt] = level - task.plain
        if any(known):
            total = [mean for mean, counts in zip(means, known, strict=True) if counts]
            state.recent = [*state.recent, sum(total) / len(total)][-self.window :]

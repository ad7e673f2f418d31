"""Uniform choice of problems, without replacement inside one rollout.

Idea
    No state: what is drawn follows from the stream alone, so it survives a resume.
Reads
    The size of the task's training split.
Deviations
    Not an epoch order: over many steps a problem may come twice before another comes once.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.piece import Curriculum
from guerdon.rng import Stream


@dataclass(frozen=True)
class Uniform(Curriculum):
    """Uniform over the training problems, drawn without replacement inside one rollout."""

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers; with replacement only if the split is smaller than ``count``."""
        size = task.size("train")
        generator = stream.generator()
        if size is None:
            return torch.randint(0, 2**31 - 1, (count,), generator=generator).tolist()
        if count <= size <= 1_000_000:
            return torch.randperm(size, generator=generator)[:count].tolist()
        return torch.randint(0, size, (count,), generator=generator).tolist()

"""Steps that cannot be scored yet earn what the others on the same clip earn on average (skillmimic_v2).

Idea
    Between a foreign start state and the clip there is nothing to track. A reward of 0 there would punish the start, so
    these steps get the mean, which says nothing for or against them.
Maths
    ``r <- mean of r over the scored steps of the same clip outside a buffer``, 0 where there is none.
Reads
    The reward, a boolean column of what lies in a buffer, and the clip of each step.
Deviations
    The mean is over the whole batch; the released code takes it over the environments at the same moment. Unscored
    steps (missing frames) are filled too: that is what the piece is for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class BufferFill(Transform):
    """Replaces the reward of buffer steps and of unscored ones by the mean of the clip's other steps."""

    column: str = "step.reward"
    """The reward, rewritten."""
    buffer: str = "step.in_buffer"
    """Boolean: the step lies in a buffer."""
    clip: str = "group.problem_id"
    """Number of the clip, of the reward's level or above."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Reward, buffer and clip."""
        return (self.column, self.buffer, self.clip)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward without gaps."""
        level, reward = split_name(self.column)[0], batch[self.column]
        buffer, clip = (batch[f"{level}.{split_name(name)[1]}"] for name in (self.buffer, self.clip))
        numbers, index = clip.unique(return_inverse=True)
        counts = reward.isfinite() & ~buffer
        mean = segment.mean(reward, index, len(numbers), counts)
        return {self.column: torch.where(counts, reward, mean[index])}

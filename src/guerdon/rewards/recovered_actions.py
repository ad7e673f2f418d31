"""How many commanded actions can be read back from what a world model made of them (RLIR).

Idea
    A video that follows its commands shows them: an inverse dynamics model reads each action from the frames, and the
    share that it reads right needs no human judge.
Maths
    ``r = (1/T) sum_t 1[read_t = commanded_t]``; with several buttons per frame all of them have to be equal. ``whole``:
    1 only if every frame is right.
Reads
    ``commanded`` and ``read``, ``[action]`` or ``[action, buttons]``.
Deviations
    A trajectory without a frame that counts is unscored. In expectation the reward of a perfect world model is the
    reader's accuracy, and a policy can learn to please the reader: evaluate with another one.
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
class RecoveredActions(Transform):
    """``(1/T) sum_t 1[read_t = commanded_t]``, or 1 if all of them are."""

    commanded: str = "action.commanded"
    """The actions that the world model was given."""
    read: str = "action.read"
    """The actions that the inverse dynamics model reads from its frames."""
    whole: bool = False
    """Only a trajectory whose frames are all right earns anything."""
    idle: int | None = None
    """Frames with this command (of all buttons) do not count, so that doing nothing does not drown the rest."""
    name: str = "recovered"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        split_name(self.commanded)
        split_name(self.read)

    @property
    def reads(self) -> tuple[str, ...]:
        """Commands and readings."""
        return (self.commanded, self.read)

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        level = split_name(self.commanded)[0]
        commanded, read = (batch[name][:, None].flatten(1) for name in (self.commanded, self.read))
        right = (read == commanded).all(1)
        counts = torch.ones_like(right) if self.idle is None else (commanded != self.idle).any(1)
        index, size = batch.index(level, "traj"), batch.size("traj")
        share = segment.mean(right.to(torch.get_default_dtype()), index, size, counts)
        share = (share == 1).to(share.dtype) if self.whole else share
        empty = segment.count(index, size, counts) == 0
        return {f"traj.reward/{self.name}": share.masked_fill(empty, torch.nan)}

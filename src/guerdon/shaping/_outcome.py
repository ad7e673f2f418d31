"""What the length pieces share: which trajectories are right, and how long each is."""

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch


def right(batch: Batch, column: str) -> Tensor:
    """Boolean ``[traj]``: the outcome exceeds 0.5; an unscored trajectory is not right."""
    return batch[column] > 0.5


def lengths(batch: Batch) -> Tensor:
    """Actions of each trajectory, ``[traj]`` in the default float type."""
    count = segment.count(batch.index("action", "traj"), batch.size("traj"))
    return count.to(torch.get_default_dtype())


def accuracy(batch: Batch, column: str) -> Tensor:
    """Share of right trajectories among the scored ones of each group, ``[group]``; 0 where none is scored."""
    index, size = batch.index("traj", "group"), batch.size("group")
    return segment.mean(right(batch, column), index, size, batch[column].isfinite())

"""The best and the worst of a group: sampled responses as preference pairs (rlmt).

Idea
    A reward on fresh samples makes preference pairs for DPO without a preference data set.
Maths
    Keep ``argmax_i R_i`` and ``argmin_i R_i`` of each group, the first of equal ones, where they differ.
Reads
    ``traj.reward``.
Deviations
    Groups whose scored rewards are all equal, or fewer than two, are dropped.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.piece import Filter


@dataclass(frozen=True)
class BestAndWorst(Filter):
    """Keep the trajectory with the highest and the one with the lowest reward of each group."""

    level = "traj"
    reads = ("traj.reward",)
    invariant = frozenset({"scale", "shift", "group_scale", "group_shift"})

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[traj]``."""
        reward, index, size = batch["traj.reward"], batch.index("traj", "group"), batch.size("group")
        scored = reward.isfinite()
        high, low = (extreme(reward, index, size, where=scored) for extreme in (segment.max, segment.min))
        spread = (high > low)[index] & scored
        keep = torch.zeros_like(scored)
        for edge in (high, low):
            at = spread & (reward == edge[index])
            place = segment.cumsum(at.long(), index, size)
            keep = keep | (at & (place == 1))
        return keep

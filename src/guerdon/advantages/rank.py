"""The place of each response among those to its prompt: what preference losses read (rlmt).

Maths
    ``rank_i`` = number of better responses in the group, 0 for the best; ties by row order; -1 where unscored.
Reads
    ``traj.reward``.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class RankByReward(Transform):
    """``traj.rank``: 0 for the group's best response, 1 for the next."""

    reads = ("traj.reward",)
    writes = ("traj.rank",)
    invariant = frozenset({"scale", "shift", "group_scale", "group_shift"})

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.rank``, int64 ``[traj]``."""
        reward = batch["traj.reward"]
        scored = reward.isfinite()
        order = torch.where(scored, -reward, torch.inf)
        rank = segment.rank(order, batch.index("traj", "group"), batch.size("group"))
        return {"traj.rank": torch.where(scored, rank, torch.full_like(rank, -1))}

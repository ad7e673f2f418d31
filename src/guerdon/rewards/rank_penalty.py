"""A penalty for wrong items by their rank in a group: the surer the policy was, the more it pays.

Idea
    The group is a beam in decreasing score. Where it holds the target, a wrong item above is a hard negative.
Maths
    With the target in the group ``r_i = 0`` for it and ``-(1 / log2(i + 2)) / sum_j 1 / log2(j + 2)`` for the other
    items, i = 0, 1, ... the place in the group; without the target all zeros.
Reads
    ``traj.reward/<of>``: positive for the target; the order of trajectories in their group.
Deviations
    ReRe's rank reward. Unscored items keep their place, get no penalty (NaN) and do not count in the sum.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class RankPenalty(Transform):
    """``-(1/log2(i+2)) / sum_j 1/log2(j+2)`` for the wrong item at place i of a group that holds the target, else 0."""

    of: str = "correct"
    """The component that is positive for the target."""

    writes = ("traj.reward/rank",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.of}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/rank``, ``[traj]``."""
        reward = batch[f"traj.reward/{self.of}"]
        group, groups = batch.index("traj", "group"), batch.size("group")
        scored, hit = reward.isfinite(), reward > 0
        weight = 1 / torch.log2(segment.position(group, groups).double() + 2)
        total = segment.sum(weight, group, groups, scored)[group]
        found = (segment.count(group, groups, hit) > 0)[group]
        penalty = torch.where(found & ~hit, -weight / total.clamp_min(1e-12), 0.0)
        return {"traj.reward/rank": penalty.masked_fill(~scored, torch.nan).to(reward.dtype)}

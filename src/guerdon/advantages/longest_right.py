"""Full weight for prompts on which thinking longer has paid, a small one for the others (adora).

Idea
    What a rollout is worth changes while training: a group whose longest right response is longer than its wrong ones
    are on average shows that length helps here.
Maths
    ``w_g = 1`` if ``max length(right) > mean length(wrong)``, else ``low``; right are the rewards above
    ``right_above``, wrong the others that were not cut (shorter than ``cut_at``). No right response: ``no_right``; right
    ones only: ``no_wrong``.
Reads
    ``traj.reward`` and the number of actions. Writes ``group.weight``: use it as ``RowWeight("group.weight")``.
Deviations
    As a weight of the loss rather than of the advantage, which is the same number, since the surrogate is homogeneous
    in it. The released variants disagree on empty sets, so both ends are fields. Unscored responses count as neither.
    Any other predicate is a piece that writes ``group.weight``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._outcome import lengths


@dataclass(frozen=True)
class LongestRight(Transform):
    """``group.weight = 1 if max length(right) > mean length(wrong) else low``."""

    low: float = 0.1
    """Weight of the other groups."""
    right_above: float = 0.5
    """Rewards above this are right."""
    cut_at: int | None = None
    """Wrong responses of this length or more were cut and do not count; None counts all."""
    no_right: float = 0.1
    """Weight where no response is right."""
    no_wrong: float = 1.0
    """Weight where some are right and none is wrong."""

    reads = ("traj.reward",)
    writes = ("group.weight",)

    @property
    def moot(self) -> str:
        """Equal weights are a factor of the learning rate."""
        same = self.low == self.no_right == self.no_wrong == 1
        return "gives the weight 1 to every group: low, no_right and no_wrong are 1" if same else ""

    def __post_init__(self) -> None:
        if min(self.low, self.no_right, self.no_wrong) < 0:
            raise GuerdonError(f"LongestRight needs weights of 0 or more, got {self}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.weight``, ``[group]``."""
        reward, length = batch["traj.reward"], lengths(batch)
        index, size = batch.index("traj", "group"), batch.size("group")
        right = reward > self.right_above
        wrong = reward <= self.right_above
        if self.cut_at is not None:
            wrong = wrong & (length < self.cut_at)
        longer = segment.max(length, index, size, right) > segment.mean(length, index, size, wrong)
        weight = torch.where(longer, torch.ones_like(longer, dtype=length.dtype), self.low)
        weight = torch.where(segment.count(index, size, wrong) > 0, weight, self.no_wrong)
        return {"group.weight": torch.where(segment.count(index, size, right) > 0, weight, self.no_right)}

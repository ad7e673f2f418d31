"""A second advantage from how well the responses to a prompt agree, and its blend with the usual one (copo).

Idea
    A group of equal rewards teaches nothing inside itself, but against other prompts it does: how accurate and how
    unanimous were the answers? Where answers disagree, compare inside the group; where they agree, between prompts.
Maths
    ``H_q = -sum_a f_a log2 f_a`` over the shares of equal answers; ``g_q = acc_q (1 - lam H_q)`` with
    ``lam = (1 - 1/G) / log2 G``, so that all different answers count 1/G. ``w_q = sigmoid(k (H_q - b))``, and 0 where the
    local advantage is 0; the local advantage is multiplied by w, the global one by 1 - w.
Reads
    ``traj.reward`` and the answers; the blend reads the two advantages.
Deviations
    The released code blends two losses; a clipped loss is homogeneous in its advantage, so weighing the advantages is the
    same as long as each has a surrogate of its own. Unscored responses have no answer. The modes that look at whether a
    response's own reward is 0 are left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.advantages.standardize import groups
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class ConsistentAccuracy(Transform):
    """``g_q = mean reward (1 - lam H_q)``; standardise it over the batch for a global advantage."""

    answer: str = "traj.answer"
    """Column whose equal values are equal answers."""

    writes = ("group.answer_entropy", "group.consistent_accuracy")

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and the answers."""
        return ("traj.reward", self.answer)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Both columns, ``[group]``: entropy in bits; accuracy NaN where nothing was scored."""
        reward = batch["traj.reward"]
        scored, index, size = reward.isfinite(), batch.index("traj", "group"), batch.size("group")
        count = segment.count(index, size, scored).to(reward.dtype)
        entropy = answer_entropy(batch, self.answer, scored)
        lam = torch.where(count > 1, (1 - 1 / count.clamp(min=1)) / count.clamp(min=2).log2(), torch.zeros_like(count))
        accuracy = segment.mean(reward, index, size, scored) * (1 - lam * entropy)
        return {
            "group.answer_entropy": entropy,
            "group.consistent_accuracy": torch.where(count > 0, accuracy, torch.nan),
        }


def answer_entropy(batch: Batch, answer: str, scored: Tensor) -> Tensor:
    """Entropy of the answers to each prompt in bits, ``[group]``, over the trajectories where ``scored``."""
    index, size = batch.index("traj", "group"), batch.size("group")
    label, labels = groups(batch, "traj", answer)
    _, same = torch.unique(index * max(labels, 1) + label, return_inverse=True)
    number = segment.count(same, len(same), scored)[same].double()
    total = segment.count(index, size, scored)[index].double()
    share = number / total.clamp(min=1)
    # A mean over the responses of the surprise of each: sum_a f_a (-log f_a).
    surprise = -torch.where(scored, share, torch.ones_like(share)).log2()
    return segment.mean(surprise, index, size, scored).to(batch["traj.reward"].dtype) + 0.0


@dataclass(frozen=True)
class EntropyBlend(Transform):
    """``w A_local`` and ``(1 - w) A_global``, ``w = sigmoid(k (H - b))`` and 0 where A_local is 0."""

    steepness: float = 1.0
    """k."""
    center: float = 0.5
    """b, in bits: where both weigh the same."""
    soft: bool = True
    """Whether w follows the entropy; else it is 1."""
    forced: bool = True
    """Whether w is 0 where the local advantage is 0."""

    reads = ("group.answer_entropy", "traj.advantage", "group.global_advantage", "traj.reward")
    writes = ("traj.advantage", "traj.global_advantage")
    for_equal_groups = True

    def __post_init__(self) -> None:
        if not (self.soft or self.forced):
            raise GuerdonError("EntropyBlend needs soft, forced or both, got neither; without them w is always 1")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Both advantages, ``[traj]``; 0 where unscored."""
        local = batch["traj.advantage"]
        entropy = batch["traj.answer_entropy"].to(local.dtype)
        weight = torch.sigmoid(self.steepness * (entropy - self.center)) if self.soft else torch.ones_like(local)
        if self.forced:
            weight = torch.where(local == 0, torch.zeros_like(weight), weight)
        scored = batch["traj.reward"].isfinite()
        other = batch.down(batch["group.global_advantage"], "group", "traj")
        other = torch.where(scored, (1 - weight) * other.to(local.dtype), torch.zeros_like(local))
        return {"traj.advantage": weight * local, "traj.global_advantage": other}

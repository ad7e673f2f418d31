"""Leaving out samples that the trainer's policy would hardly have drawn (baseline-rollout-correction).

Idea
    Where importance weights correct a mismatch, these pieces reject it: ``RejectMismatch`` takes rows out of the
    training set (they are not counted either), ``OffPolicyMask`` multiplies a trajectory's loss by 0.
Maths
    ``r = pi_old / mu`` per action, mu the policy that sampled. RejectMismatch compares with its bounds: r itself, or
    k2 = (log r)^2/2, or k3 = r - 1 - log r; per action, as sum or mean over the trajectory (for r: product or
    geometric mean), or at the trajectory's worst action. OffPolicyMask: 0 iff A < 0 and
    ``mean_t (log mu - log pi) > threshold``.
Reads
    ``action.old_logprob`` or ``action.logprob``, and ``action.behavior_logprob``; ``action.mask`` if present.
Deviations
    verl's option names map to ``measure`` and ``over``: token_k1 is ratio/token, seq_mean_k1 ratio/mean (geometric
    mean), seq_sum_k3 k3/sum, seq_max_k2 k2/worst; ratio/worst with ``low`` alone is its veto. Several options are
    several pieces.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.objectives.kl import kl_estimate
from guerdon.piece import Transform, Weight


@dataclass(frozen=True)
class RejectMismatch(Transform):
    """``action.mask`` stays true where ``low <= statistic(pi_old / mu) <= high``."""

    measure: Literal["ratio", "k2", "k3"] = "ratio"
    """What is compared: ``r = pi_old / mu``, ``(log r)^2 / 2`` or ``r - 1 - log r``."""
    over: Literal["token", "sum", "mean", "worst"] = "token"
    """Of what: each action, or the trajectory by its sum, its mean or its worst action."""
    low: float | None = None
    """Smallest statistic that is kept; for a ratio verl takes 1/high by default."""
    high: float | None = None
    """Largest statistic that is kept."""

    reads = ("action.old_logprob", "action.behavior_logprob")
    writes = ("action.mask",)
    mends_mismatch = True

    def __post_init__(self) -> None:
        if self.low is None and self.high is None:
            raise GuerdonError("RejectMismatch needs low, high or both, got neither; without them nothing is rejected")
        if self.measure != "ratio" and self.low is not None:
            raise GuerdonError(f"RejectMismatch.low must be None with measure {self.measure!r}, got {self.low}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.mask``, never larger than before."""
        mask = trained(batch)
        index, size = batch.index("action", "traj"), batch.size("traj")
        difference = batch["action.old_logprob"] - batch["action.behavior_logprob"]
        value = difference if self.measure == "ratio" else kl_estimate(-difference, self.measure, 20.0)
        if self.over in ("sum", "mean"):
            reduction = segment.sum if self.over == "sum" else segment.mean
            value = reduction(value, index, size, mask)[index]
        # A ratio is compared as its logarithm: nothing overflows.
        low, high = (_log(limit) if self.measure == "ratio" else limit for limit in (self.low, self.high))
        inside = torch.ones_like(mask) if low is None else value >= low
        inside = inside if high is None else inside & (value <= high)
        if self.over == "worst":
            inside = (segment.count(index, size, mask & ~inside) == 0)[index]
        return {"action.mask": mask & inside}


def _log(limit: float | None) -> float | None:
    return None if limit is None else float(torch.tensor(limit, dtype=torch.float64).log())


@dataclass(frozen=True)
class OffPolicyMask(Weight):
    """0 on the trajectories with ``A < 0`` and ``mean_t (log mu - log pi) > threshold``, else 1 (TRL)."""

    threshold: float
    """Largest mean log ratio of the sampling policy to the current one, in nats per action."""

    reads = ("action.advantage", "action.logprob", "action.behavior_logprob")
    unit = "traj"

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``, 0 or 1."""
        index, size = batch.index("action", "traj"), batch.size("traj")
        difference = batch["action.behavior_logprob"] - batch["action.logprob"].detach()
        stale = segment.mean(difference, index, size, trained(batch))[index] > self.threshold
        return (~(stale & (batch["action.advantage"] < 0))).to(difference.dtype)

"""A target length per difficulty, re-estimated from how long the responses to such prompts have been (laser).

Idea
    The target should be as short as what the policy can already do: the smallest length within which, of the right
    responses that a prompt of this difficulty has, about one fits.
Maths
    Difficulty of a prompt from its accuracy: easy from 2/3 on, medium from 1/3 on, else hard; of n samples
    ``g = floor(2n/3), floor(n/3), 1`` are right for sure. ``coverage(l)`` is the share of the bucket's responses of at
    most l actions; the target is the smallest l of the grid with ``floor(coverage(l) g) >= 1``, else the longest seen.
Reads
    ``correct`` (an outcome, right above 0.5) and the number of actions of each trajectory.
Deviations
    The paper samples 500 monitoring prompts from time to time. Here the last ``window`` training groups are the
    monitor, which costs no sampling; before the first estimate the target is ``upper``. The released monitor and reward
    disagree at the bucket boundaries; this uses >= in both.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._outcome import accuracy, lengths

BUCKETS = 3
"""Hard, medium, easy."""


class LengthMonitor(nn.Module):
    """Lengths per bucket since the last estimate, and the estimate."""

    counts: Tensor
    longest: Tensor
    groups: Tensor
    targets: Tensor

    def __init__(self, grid: int, start: float) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(BUCKETS, grid + 1, dtype=torch.int64))
        self.register_buffer("longest", torch.zeros(()))
        self.register_buffer("groups", torch.zeros((), dtype=torch.int64))
        self.register_buffer("targets", torch.full((BUCKETS,), float(start)))


@dataclass(frozen=True)
class TargetLength(Transform):
    """``group.target_length``: smallest grid length within which about one right response of the bucket fits."""

    lower: int = 4096
    """Smallest target."""
    upper: int = 8192
    """Largest target on the grid: the generation budget."""
    step: int = 1024
    """Width of the grid."""
    samples: int = 8
    """n: responses per prompt."""
    window: int = 500
    """Groups between two estimates, and the groups each is made from."""
    rounding: Literal["floor", "ceil"] = "floor"
    """floor as above; ceil: ``g`` by ceiling, and ``coverage g >= 1`` without rounding."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    writes = ("group.target_length",)

    def __post_init__(self) -> None:
        if not 0 < self.lower <= self.upper or min(self.step, self.samples, self.window) < 1:
            raise GuerdonError(
                "TargetLength needs 0 < lower <= upper and positive step, samples and window, "
                f"got lower={self.lower}, upper={self.upper}, step={self.step}, samples={self.samples}, "
                f"window={self.window}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcome."""
        return (self.correct,)

    @property
    def grid(self) -> tuple[int, ...]:
        """Lengths that a target may have."""
        return tuple(range(self.lower, self.upper + 1, self.step))

    def init_state(self) -> nn.Module:
        """Counts and targets."""
        return LengthMonitor(len(self.grid), self.upper)

    def estimate(self, coverage: Sequence[float], bucket: int, longest: float) -> float:
        """The target of a bucket (0 hard, 1 medium, 2 easy) from its coverage on the grid."""
        share = bucket * self.samples / 3
        sure = 1 if bucket == 0 else math.floor(share) if self.rounding == "floor" else math.ceil(share)
        for length, covered in zip(self.grid, coverage, strict=True):
            # floor(x) >= 1 and x >= 1 are the same; the roundings differ in ``sure`` alone.
            if covered * sure >= 1 - 1e-9:
                return float(length)
        return longest

    def __call__(self, batch: Batch, state: LengthMonitor | None = None) -> Mapping[str, Column]:
        """``group.target_length``, ``[group]``; the batch itself counts towards later targets only."""
        share = accuracy(batch, self.correct)
        # Less a hair: 2/3 is not the same number in every precision.
        bucket = (share >= 2 / 3 - 1e-6).long() + (share >= 1 / 3 - 1e-6).long()
        if state is None:
            return {"group.target_length": torch.full_like(share, float(self.upper))}
        targets = state.targets[bucket].to(share.dtype)
        self._watch(batch, bucket, state)
        return {"group.target_length": targets}

    def _watch(self, batch: Batch, bucket: Tensor, state: LengthMonitor) -> None:
        length, index = lengths(batch), batch.index("traj", "group")
        place = torch.bucketize(length, torch.tensor(self.grid, dtype=length.dtype, device=length.device))
        cell = bucket[index] * (len(self.grid) + 1) + place
        state.counts += segment.count(cell, state.counts.numel()).view_as(state.counts)
        if len(length):
            state.longest.copy_(torch.maximum(state.longest, length.max().to(state.longest)))
        state.groups += batch.size("group")
        if int(state.groups) < self.window:
            return
        for number in range(BUCKETS):
            counts = state.counts[number].double()
            coverage = (counts.cumsum(0)[:-1] / counts.sum().clamp(min=1)).tolist()
            state.targets[number] = self.estimate(coverage, number, float(state.longest))
        state.counts.zero_()
        state.groups.zero_()
        state.longest.zero_()

"""A response compared with the other half of its group, split by a metric, and with its own half (canon).

Idea
    Which direction of a metric (length, entropy) is good need not be assumed: compare the responses that have much of
    it with those that have little, and the better half is strengthened as a whole.
Maths
    Stable sort by the metric, low = the first floor(n/2), high = the rest. ``A_i = mu (R_i - mean of the other half) +
    (1 - mu)(R_i - mean of the own half)``. ``alpha`` multiplies, in the first term only, what belongs to ``weighted``:
    the R_i of that half, and its mean where the other half is compared with it.
Reads
    ``traj.reward``; the metric, by default the number of actions; ``run.step`` where mu follows a schedule.
Deviations
    The released code divides by L_max, which is the aggregation's (``SumOverLength``). A group of one keeps its raw
    reward, as there. Schedules: ``accuracy`` is mu = mean reward of the batch, ``inverse`` 1 minus it; ``cosine`` lets
    the intra weight 1 - mu rise to 0.6 in 30 steps, then fall to 0 in each of three cosine cycles until step 150, and
    stay there.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._outcome import lengths

PEAK, WARMUP, END, CYCLES = 0.6, 30, 150, 3
"""The cosine schedule of the intra weight, in steps."""


@dataclass(frozen=True)
class ConditionalSplit(Transform):
    """``mu (R - mean of the other half) + (1 - mu)(R - mean of the own half)``."""

    mu: float | Literal["accuracy", "inverse", "cosine"] = 1.0
    """Weight of the comparison with the other half, or its schedule."""
    metric: str | None = None
    """Column that splits the group, averaged over the actions if it is finer; None: the number of actions."""
    alpha: float = 1.0
    """Factor of the ``weighted`` half's rewards in that comparison."""
    weighted: Literal["high", "low"] = "high"
    """Which half it is: high for length, low for entropy in the released code."""

    writes = ("traj.advantage",)

    def __post_init__(self) -> None:
        if isinstance(self.mu, float | int) and not 0 <= self.mu <= 1:
            raise GuerdonError(f"ConditionalSplit.mu must lie in [0, 1] or name a schedule, got {self.mu}")
        if isinstance(self.mu, str) and self.mu not in ("accuracy", "inverse", "cosine"):
            raise GuerdonError(f"ConditionalSplit.mu must be a number, accuracy, inverse or cosine, got {self.mu!r}")

    @property
    def moot(self) -> str:
        """What mu takes away."""
        if self.mu == 0 and self.alpha != 1:
            return "does not use alpha: it belongs to the comparison with the other half, whose weight mu is 0"
        if self.mu == 0.5 and self.alpha == 1:
            return "does not use its metric: with mu = 0.5 the halves of an even group add up to the group's mean"
        return ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward, the metric and, for the cosine, the step."""
        named = [self.metric] if self.metric else []
        return ("traj.reward", *named, *(["run.step"] if self.mu == "cosine" else []))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.advantage``, ``[traj]``; 0 where unscored."""
        reward = batch["traj.reward"]
        scored = reward.isfinite()
        index, size = batch.index("traj", "group"), batch.size("group")
        count = segment.count(index, size, scored)[index]
        # Unscored rows sort last, so that the ranks of the others are those of a group without them.
        metric = torch.where(scored, self._metric(batch), torch.inf)
        high = segment.rank(metric, index, size) >= count // 2
        means = [segment.mean(reward, index, size, scored & half)[index] for half in (~high, high)]
        own, other = torch.where(high, means[1], means[0]), torch.where(high, means[0], means[1])
        mine = high if self.weighted == "high" else ~high
        inter = torch.where(mine, self.alpha * reward - other, reward - self.alpha * other)
        mu = self._mu(batch, reward[scored])
        advantage = torch.where(count > 1, mu * inter + (1 - mu) * (reward - own), reward)
        return {"traj.advantage": torch.where(scored, advantage, torch.zeros_like(advantage))}

    def _metric(self, batch: Batch) -> Tensor:
        if self.metric is None:
            return lengths(batch)
        level = split_name(self.metric)[0]
        return batch.up(batch[self.metric], segment.mean, level, "traj")

    def _mu(self, batch: Batch, scored: Tensor) -> float:
        if isinstance(self.mu, float | int):
            return float(self.mu)
        if self.mu == "cosine":
            return 1 - intra_weight(int(batch["run.step"]))
        mean = float(scored.mean()) if len(scored) else 0.0
        return mean if self.mu == "accuracy" else 1 - mean


def intra_weight(step: int) -> float:
    """The cosine schedule: 0 at step 0, 0.6 at step 30, three falls to 0 until step 150, 0 afterwards."""
    if step < WARMUP:
        return PEAK * step / WARMUP
    if step >= END:
        return 0.0
    cycle = (END - WARMUP) / CYCLES
    return PEAK * 0.5 * (1 + math.cos(math.pi * ((step - WARMUP) % cycle) / cycle))

"""A right response pays for its length, compared with the other right responses to its prompt (grpo_lambda,
self_efficiency).

Idea
    How long an answer has to be is known from the group alone: its right responses. Only they pay, so that being
    short never excuses being wrong. Groups that are not solved well enough may be spared.
Maths
    ``r_i = -weight c_i f_i`` where c is 1 for a right response. ``spread``: ``f = sigmoid((T_i - mean) / std)`` over the
    group's right responses (population std). ``shortest``: ``f = 1 - T_min / T_i``. With ``top_share`` s only the
    ``ceil(s groups)`` groups of highest accuracy (at least one) pay.
Reads
    ``correct`` (an outcome, right above 0.5) and the number of actions of each trajectory.
Deviations
    A reward component of its own, so that accuracy stays visible beside it. One right response alone, or right ones
    of equal length, have z = 0. Ties in accuracy go to the earlier group.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._outcome import accuracy, lengths, right


@dataclass(frozen=True)
class RelativeLength(Transform):
    """``-weight sigmoid((T - mean) / std)`` or ``-weight (1 - T_min / T)`` for right responses, 0 for others."""

    weight: float
    """Largest cost of a right response."""
    compare: Literal["spread", "shortest"] = "spread"
    """With the mean and spread of the group's right responses, or with the shortest of them."""
    top_share: float = 1.0
    """Share of the groups, the most accurate ones, in which length costs anything."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    writes = ("traj.reward/length",)
    needs_peers = True

    @property
    def moot(self) -> str:
        """Whether it costs nothing."""
        return "costs nothing: its weight is 0" if self.weight == 0 else ""

    def __post_init__(self) -> None:
        if not 0 < self.top_share <= 1:
            raise GuerdonError(f"RelativeLength.top_share must lie in (0, 1], got {self.top_share}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcome."""
        return (self.correct,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/length``, ``[traj]``."""
        index, size = batch.index("traj", "group"), batch.size("group")
        solved, length = right(batch, self.correct), lengths(batch)
        if self.compare == "shortest":
            least = segment.min(length, index, size, solved)
            cost = torch.where(solved, 1 - least[index] / length.clamp(min=1), 0.0)
        else:
            mean, std = segment.mean(length, index, size, solved), segment.std(length, index, size, solved, ddof=0)
            spread = std[index] > 0
            score = torch.where(spread, (length - mean[index]) / torch.where(spread, std[index], 1.0), 0.0)
            cost = torch.sigmoid(score)
        paying = solved & self._chosen(batch)[index]
        return {"traj.reward/length": torch.where(paying, -self.weight * cost, torch.zeros_like(cost))}

    def _chosen(self, batch: Batch) -> Tensor:
        """Boolean ``[group]``: the most accurate ones."""
        size = batch.size("group")
        # Less a hair: 0.1 * 30 is a little more than 3 in floating point.
        count = max(math.ceil(self.top_share * size - 1e-9), 1)
        order = torch.argsort(accuracy(batch, self.correct), descending=True, stable=True)
        chosen = torch.zeros(size, dtype=torch.bool, device=batch.device)
        chosen[order[:count]] = True
        return chosen

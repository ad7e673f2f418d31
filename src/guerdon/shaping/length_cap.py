"""No reward beyond a length cap (dler).

Idea
    The plainest length penalty: what is too long counts as wrong. The cap may fall as a prompt becomes easy.
Maths
    ``R <- R [T <= L]``. With thresholds ``d_1 < ... < d_n`` and limits ``l_1, ..., l_{n+1}`` the cap is l_{k+1} where
    the group's accuracy has reached k thresholds.
Reads
    ``traj.reward``; with thresholds ``correct`` (an outcome, right above 0.5). The number of actions.
Deviations
    None. Unscored stays unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._outcome import accuracy, lengths


@dataclass(frozen=True)
class LengthCap(Transform):
    """``R [T <= L]``."""

    limits: tuple[int, ...] = (4000,)
    """Longest responses that keep their reward, in actions; one more than there are thresholds."""
    thresholds: tuple[float, ...] = ()
    """Group accuracies from which the next limit holds, ascending."""
    correct: str = "traj.reward/correct"
    """The outcome whose accuracy counts."""

    writes = ("traj.reward",)

    def __post_init__(self) -> None:
        if len(self.limits) != len(self.thresholds) + 1 or list(self.thresholds) != sorted(self.thresholds):
            raise GuerdonError(
                "LengthCap needs ascending thresholds and one limit more than thresholds, "
                f"got limits={self.limits}, thresholds={self.thresholds}"
            )

    @property
    def acts_beyond(self) -> int:
        """The smallest cap."""
        return min(self.limits)

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward, and the outcome where it decides the cap."""
        return ("traj.reward", *([self.correct] if self.thresholds else []))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward``, ``[traj]``."""
        reward = batch["traj.reward"]
        limits = torch.tensor(self.limits, device=batch.device)
        passed = torch.zeros(batch.size("group"), dtype=torch.int64, device=batch.device)
        if self.thresholds:
            share = accuracy(batch, self.correct)
            passed = sum(((share >= level - 1e-6).long() for level in self.thresholds), passed)
        cap = limits[passed][batch.index("traj", "group")]
        kept = (lengths(batch) <= cap) | ~reward.isfinite()
        return {"traj.reward": torch.where(kept, reward, torch.zeros_like(reward))}

"""Signed outcomes: reward right answers, punish wrong ones, each by its own amount (psr_nsr).

Idea
    The outcome splits into a positive signal on right answers and a negative one on wrong answers; either alone is a
    method, and so is every mixture.
Maths
    ``A_i = right`` where ``R_i >= threshold``, else ``A_i = wrong``. REINFORCE (1, -1), PSR (1, 0), NSR (0, -1),
    W-REINFORCE (0.1, -1). No baseline, no standard deviation.
Reads
    ``traj.reward``.
Deviations
    With ``only_signal`` the rows of advantage 0 leave the loss and its count, as the released code does by dropping
    them; without it they are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


@dataclass(frozen=True)
class SignedOutcome(Transform):
    """``A_i = right`` if ``R_i >= threshold`` else ``wrong``."""

    right: float = 1.0
    """Advantage of a right answer."""
    wrong: float = -1.0
    """Advantage of a wrong answer."""
    threshold: float = 0.5
    """Rewards from here on are right."""
    only_signal: bool = True
    """Whether trajectories of advantage 0 are left out of the loss and of its count."""

    reads = ("traj.reward",)
    for_equal_groups = True

    @property
    def moot(self) -> str:
        """A constant advantage has no gradient on average."""
        return "teaches nothing on average: right and wrong get the same advantage" if self.right == self.wrong else ""

    @property
    def writes(self) -> tuple[str, ...]:
        """The advantage, and the mask where it changes."""
        return ("traj.advantage", "action.mask") if self.only_signal else ("traj.advantage",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.advantage`` ``[traj]``, 0 where unscored, and ``action.mask``."""
        reward = batch["traj.reward"]
        right, wrong = torch.full_like(reward, self.right), torch.full_like(reward, self.wrong)
        advantage = torch.where(reward >= self.threshold, right, wrong)
        advantage = torch.where(reward.isfinite(), advantage, torch.zeros_like(advantage))
        if not self.only_signal:
            return {"traj.advantage": advantage}
        kept = batch.down(advantage != 0, "traj", "action")
        return {"traj.advantage": advantage, "action.mask": trained(batch) & kept}

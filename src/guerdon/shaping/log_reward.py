"""Reward -> log reward, for objectives that sample in proportion to a reward (flows, posteriors).

Maths
    log R_i = beta max(log R_i, clip_min).  beta is the reward exponent (an inverse temperature).
Reads
    ``traj.reward``, not negative.
Deviations
    None. R = 0 gives ``beta * clip_min``; unscored stays NaN.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class LogReward(Transform):
    """``traj.log_reward = beta * max(log R, clip_min)``."""

    beta: float = 1.0
    """Reward exponent."""
    clip_min: float = -100.0
    """Floor of log R, so that a reward of 0 stays finite."""

    reads = ("traj.reward",)
    writes = ("traj.log_reward",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.log_reward``, ``[traj]``.

        Raises:
            GuerdonError: if a reward is negative.
        """
        reward = batch["traj.reward"]
        if bool((reward < 0).any()):
            raise GuerdonError(
                f"LogReward needs rewards of at least 0, got {float(reward[reward < 0][0]):.4g}; "
                "shift the reward or write traj.log_reward yourself"
            )
        return {"traj.log_reward": self.beta * reward.log().clamp(min=self.clip_min)}

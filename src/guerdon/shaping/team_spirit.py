"""Rewards of players shared within a team and set against the other side (lucy_skg).

Idea
    Alone, every player chases the ball; shared, one may wait for the pass; against the others, what helps both sides is
    worth nothing.
Maths
    ``r_i' = (1 - spirit) r_i + spirit mean_team(r) - mean_others(r)``. Between two teams of one size the sum is 0.
Reads
    ``traj.reward`` and ``traj.team``, the players of a match being the trajectories of a group.
Deviations
    Recalled. Without opponents nothing is taken off. An unscored player is in no mean and stays unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class TeamSpirit(Transform):
    """``r_i' = (1 - spirit) r_i + spirit mean_team(r) - mean_others(r)``."""

    spirit: float = 0.3
    """Share of a player's reward that is the team's mean."""

    reads = ("traj.reward", "traj.team")
    writes = ("traj.reward",)

    def __post_init__(self) -> None:
        if not 0 <= self.spirit <= 1:
            raise GuerdonError(f"TeamSpirit.spirit must lie in [0, 1], got {self.spirit}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward``, ``[traj]``."""
        reward, match = batch["traj.reward"], batch.index("traj", "group")
        scored = reward.isfinite()
        _, number = batch["traj.team"].unique(return_inverse=True)
        teams = int(number.max()) + 1 if len(number) else 0
        side, sides = match * teams + number, batch.size("group") * teams
        total, count = segment.sum(reward, side, sides, scored)[side], segment.count(side, sides, scored)[side]
        everyone = segment.sum(reward, match, batch.size("group"), scored)[match]
        others = segment.count(match, batch.size("group"), scored)[match] - count
        against = torch.where(others > 0, (everyone - total) / others.clamp(min=1), 0.0)
        together = (1 - self.spirit) * reward + self.spirit * total / count.clamp(min=1)
        return {"traj.reward": torch.where(scored, together - against, torch.nan).to(reward.dtype)}

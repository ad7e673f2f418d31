"""The whole response as one action, compared with the value of its prompt; what is worse is left out (alol).

Idea
    Offline data are of mixed quality. A value learned from the reference's own samples says what the model would have
    earned anyway, and only what beats that is worth imitating.
Maths
    ``A_i = R_i - V(x_i)``, V at the first action of the response; rows with ``A_i < drop_below`` leave the loss and its
    count.
Reads
    ``traj.reward`` and ``value``, by default what the frozen reference's critic says (``action.ref_value``).
Deviations
    A value that is one number per trajectory or group is taken as it is. The critic's output is not bounded here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.axes import ACTION, split_name
from guerdon.batch import Batch, Column
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


@dataclass(frozen=True)
class ValueBaseline(Transform):
    """``A_i = R_i - V(x_i)``; rows below ``drop_below`` are not trained."""

    value: str | None = "action.ref_value"
    """Column with V, of the first action if there is one per action; None: no baseline, A is the reward (R-LoL)."""
    drop_below: float | None = 0.0
    """Smallest advantage that is trained; None keeps all."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Reward and value."""
        return ("traj.reward", *([self.value] if self.value else []))

    @property
    def writes(self) -> tuple[str, ...]:
        """The advantage, and the mask where it changes."""
        return ("traj.advantage",) if self.drop_below is None else ("traj.advantage", "action.mask")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.advantage`` ``[traj]``, 0 where unscored, and ``action.mask``."""
        advantage = reward = batch["traj.reward"]
        if self.value:
            level, column = split_name(self.value)
            fine = level in (ACTION, batch.action, "step")
            value = batch.up(batch[self.value], segment.first, level, "traj") if fine else batch[f"traj.{column}"]
            advantage = reward - value
        scored = reward.isfinite()
        advantage = torch.where(scored, advantage, torch.zeros_like(advantage))
        if self.drop_below is None:
            return {"traj.advantage": advantage}
        kept = batch.down(scored & (advantage >= self.drop_below), "traj", "action")
        return {"traj.advantage": advantage, "action.mask": trained(batch) & kept}

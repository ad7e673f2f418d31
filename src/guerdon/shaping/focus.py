"""A reward for coming near a chosen trade-off between several rewards (goal-conditioned GFlowNets, reward_spec_thesis).

Idea
    Ask for a direction in the space of rewards; what lies outside of a cone around it is worth nothing, inside more the
    nearer it is to the axis.
Maths
    ``c = cos(r, d)``; ``R = 1[c >= border] c^(log least / log border) sum_k r_k``: the whole sum on the axis, ``least``
    times the sum on the border.
Reads
    The components, not negative, and ``traj.goal`` ``[traj, k]``: d.
Deviations
    Recalled. No reward at all is worth 0. A trajectory with an unscored component is unscored.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


@dataclass(frozen=True)
class FocusReward(Transform):
    """``R = 1[cos(r, d) >= border] cos^(log least / log border) sum_k r_k``."""

    of: tuple[str, ...]
    """The components, by name."""
    border: float = 0.98
    """Cosine at which the cone ends."""
    least: float = 0.01
    """Share of the sum that is left there."""
    goal: str = "traj.goal"
    """d: the wanted direction."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("FocusReward", "of", self.of)
        check_output("FocusReward", self.output, self.of)
        if not 0 < self.border < 1 or not 0 < self.least <= 1:
            raise GuerdonError(
                f"FocusReward needs border in (0, 1) and least in (0, 1], got {self.border} and {self.least}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The components and the direction."""
        return (*map(column_of, self.of), self.goal)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, ``[traj]``.

        Raises:
            GuerdonError: if a component is negative.
        """
        values = table(batch, self.of)
        goal = batch[self.goal].to(values)
        if bool((values < 0).any()) or goal.shape != values.shape:
            raise GuerdonError(
                f"FocusReward needs components of at least 0 and one direction {tuple(values.shape)}, got "
                f"{tuple(goal.shape)} and a smallest component of {float(values.nan_to_num().min()):.3g}"
            )
        size = values.norm(dim=1) * goal.norm(dim=1)
        cosine = (values * goal).sum(1) / torch.where(size > 0, size, 1.0)
        # On the border itself rounding may not decide.
        inside = (cosine >= self.border - 1e-6) | cosine.isnan()
        factor = cosine.clamp(min=1e-12, max=1.0) ** (math.log(self.least) / math.log(self.border))
        return {self.output: torch.where(inside, factor * values.sum(1), 0.0)}

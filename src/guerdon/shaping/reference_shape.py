"""A reward as the chance of being preferred to reference answers (par).

Idea
    A reward model is trained on differences, and what it says far above its usual range is where it is hacked. Its own
    win probability against an answer of the supervised model is bounded, steep at first and flat later.
Maths
    ``r <- mean_m f(k (r - ref_m))`` with f the sigmoid (PAR), tanh, or a polynomial of degree 5 that follows the sigmoid
    on [-4, 4]. ``center="upper"`` (with log_sigmoid: LSC): ``f(k (r - q))``, ``q = mean(ref) + 1.0364 std(ref)``, the 85%
    quantile of a normal distribution with the population std; ``"none"``: ``f(k r)``.
Reads
    ``column``, and ``references`` with one row of reference rewards per trajectory or group, NaN where there are fewer.
Deviations
    A trajectory without references is unscored; the released code leaves its raw reward, which is on another scale
    (``missing="raw"``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

UPPER = 1.0364333894937898
"""85% quantile of the standard normal distribution."""
FIT = (0.5, 0.239537005, -0.0132916611, 0.000376132953)
"""Constant, x, x^3 and x^5 of the released least-squares fit to the sigmoid."""


def polynomial(x: Tensor) -> Tensor:
    """The fit on [-4, 4], the sigmoid itself outside."""
    near = x.clamp(-4, 4)
    square = near.square()
    fitted = FIT[0] + near * (FIT[1] + square * (FIT[2] + square * FIT[3]))
    return torch.where(x.abs() <= 4, fitted, x.sigmoid())


SHAPES = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "log_sigmoid": logsigmoid, "polynomial": polynomial}


@dataclass(frozen=True)
class ReferenceShape(Transform):
    """``r <- mean_m sigmoid(r - ref_m)``, or another bounded shape."""

    shape: Literal["sigmoid", "tanh", "log_sigmoid", "polynomial"] = "sigmoid"
    """f."""
    center: Literal["each", "upper", "none"] = "each"
    """What is subtracted first: each reference in turn, their upper 85% point, or nothing."""
    slope: float = 1.0
    """k: how steep."""
    most: int | None = None
    """References that count, the first ones; None: all."""
    missing: Literal["unscored", "raw"] = "unscored"
    """What a trajectory without references gets."""
    column: str = "traj.reward"
    """The reward to change in place."""
    references: str = "traj.reference_reward"
    """Rewards of the reference answers, ``[rows, M]``."""

    def __post_init__(self) -> None:
        if not self.slope > 0 or (self.most is not None and self.most < 1):
            raise GuerdonError(
                f"ReferenceShape needs a positive slope and most >= 1, got {self.slope} and {self.most}; "
                "a reference makes no sense without one"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward, and the references where they are subtracted."""
        return (self.column, *(() if self.center == "none" else (self.references,)))

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, ``[traj]``."""
        reward, shape = batch[self.column], SHAPES[self.shape]
        if self.center == "none":
            return {self.column: shape(self.slope * reward)}
        given = batch[f"traj.{split_name(self.references)[1]}"]
        given = (given if given.dim() > 1 else given[:, None]).to(reward.dtype)[:, : self.most]
        known = given.isfinite()
        count = known.sum(1)
        if self.center == "upper":
            level = _mean(given, known)
            spread = _mean((given - level[:, None]).square(), known).sqrt()
            shaped = shape(self.slope * (reward - level - UPPER * spread))
        else:
            shaped = _mean(shape(self.slope * (reward[:, None] - given)), known)
        otherwise = reward if self.missing == "raw" else torch.full_like(reward, torch.nan)
        shaped = torch.where(reward.isfinite(), shaped, reward)
        return {self.column: torch.where(count > 0, shaped, otherwise)}


def _mean(values: Tensor, known: Tensor) -> Tensor:
    """Row means over the known entries; 0 where there is none."""
    return torch.where(known, values, torch.zeros_like(values)).sum(1) / known.sum(1).clamp(min=1)

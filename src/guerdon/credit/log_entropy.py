"""How undecided the policy is at each token, from -1 (surest of the batch) to 1 (least sure) (hapo).

Idea
    Entropies of tokens span orders of magnitude; on a log scale, with a high quantile as zero, the few undecided tokens
    are positive and the many sure ones negative.
Maths
    ``x = log max(H, floor)``, ``q`` its quantile over the trained actions by nearest rank; ``h = (x - q) / (max x - q)``
    above q and ``(x - q) / (q - min x)`` below. All equal: 0.
Reads
    ``column``, by default ``action.old_entropy``; writes ``action.log_entropy``.
Deviations
    The paper also divides by a root mean square, which cancels. The released code divides the lower side by a negative
    number, so that the surest tokens count as undecided as well: ``mirrored=True``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


def log_scale(entropy: Tensor, quantile: float, floor: float) -> Tensor:
    """The zero and the two ends, ``[q, min, max]`` of the log entropies ``[n]``, n > 0."""
    logs = entropy.clamp(min=floor).log().sort().values
    return torch.stack([logs[round(quantile * (len(logs) - 1))], logs[0], logs[-1]])


def on_scale(entropy: Tensor, scale: Tensor, floor: float, mirrored: bool = False) -> Tensor:
    """``h`` of entropies of any shape, cut to [-1, 1]; without gradient."""
    zero, low, high = scale
    above = entropy.detach().clamp(min=floor).log() - zero
    up, down = (span if float(span) > 0 else torch.ones_like(span) for span in (high - zero, zero - low))
    below = above / (-down if mirrored else down)
    return torch.where(above > 0, above / up, below).clamp(-1, 1)


@dataclass(frozen=True)
class LogEntropy(Transform):
    """``action.log_entropy``: log entropy against its quantile, each side scaled to 1."""

    quantile: float = 0.8
    """The share of tokens that count as sure."""
    floor: float = 1e-8
    """Smallest entropy before the logarithm."""
    mirrored: bool = False
    """Give sure tokens the sign of undecided ones, as the released code does."""
    column: str = "action.old_entropy"
    """What is scaled."""

    writes = ("action.log_entropy",)

    def __post_init__(self) -> None:
        if not 0 <= self.quantile <= 1 or not self.floor > 0:
            raise GuerdonError(
                f"LogEntropy needs a quantile in 0..1 and a positive floor, got {self.quantile} and {self.floor}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.log_entropy`` ``[action]`` in [-1, 1], 0 where not trained."""
        entropy, rows = batch[self.column], trained(batch)
        nothing = torch.zeros_like(entropy)
        if not bool(rows.any()):
            return {"action.log_entropy": nothing}
        scale = log_scale(entropy[rows], self.quantile, self.floor)
        return {"action.log_entropy": torch.where(rows, on_scale(entropy, scale, self.floor, self.mirrored), nothing)}

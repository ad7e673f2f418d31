"""Clip ranges that depend on how undecided a token is (hapo).

Idea
    An undecided token may grow further before it is clipped, and a sure one may fall further.
Maths
    ``h > 0``: ``clip_high = high (1 + alpha h)``; ``h <= 0``: ``clip_low = low (1 - alpha h)``. The other side stays.
Reads
    ``action.log_entropy``; writes ``action.clip_low`` and ``action.clip_high``, for ``PPOClip``'s fields.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class EntropyClip(Transform):
    """``clip_high = high (1 + alpha h)`` where h > 0, ``clip_low = low (1 - alpha h)`` elsewhere."""

    low: float = 0.2
    """How far below 1 the ratio of an undecided token may go."""
    high: float = 0.2
    """How far above 1 the ratio of a sure token may go."""
    alpha: float = 1.0
    """How much the ranges widen."""

    reads = ("action.log_entropy",)
    writes = ("action.clip_low", "action.clip_high")

    def __post_init__(self) -> None:
        if min(self.low, self.high, self.alpha) < 0:
            raise GuerdonError(
                f"EntropyClip needs low, high and alpha of 0 or more, got {self.low}, {self.high} and {self.alpha}"
            )

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Both limits, ``[action]``, as distances from 1."""
        level = batch["action.log_entropy"]
        widened = 1 + self.alpha * level.abs()
        return {
            "action.clip_low": self.low * torch.where(level <= 0, widened, torch.ones_like(level)),
            "action.clip_high": self.high * torch.where(level > 0, widened, torch.ones_like(level)),
        }

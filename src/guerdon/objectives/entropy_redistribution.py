"""Advantages that grow at undecided tokens and shrink at sure ones, depending on how far the ratio has moved (hapo).

Idea
    Once an undecided token has left the neighbourhood of the old policy, follow its advantage harder; keep sure tokens
    calm while they are in it.
Maths
    ``neutral = 1 - clip_low / 2 < rho < 1 + clip_high / 2``. Undecided (h > 0): factor ``1 + beta h`` outside of neutral,
    1 inside. Sure: ``1 + beta h`` inside, 1 outside.
Reads
    ``action.logprob``, ``action.old_logprob``, ``action.log_entropy``, ``action.clip_low``, ``action.clip_high``.
Deviations
    The factor multiplies the loss. That is the same as multiplying the advantage, because the clipped loss is
    proportional to the advantage for factors of 0 or more, hence beta <= 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Weight


@dataclass(frozen=True)
class EntropyRedistribution(Weight):
    """``1 + beta h`` for undecided tokens that have moved and sure ones that have not, 1 for the others."""

    beta: float = 1.0
    """How strong."""

    reads = ("action.logprob", "action.old_logprob", "action.log_entropy", "action.clip_low", "action.clip_high")

    def __post_init__(self) -> None:
        if not 0 <= self.beta <= 1:
            raise GuerdonError(
                f"EntropyRedistribution.beta must lie in 0..1, got {self.beta}; factors may not turn signs"
            )

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``, 0 or more."""
        ratio = (batch["action.logprob"].detach() - batch["action.old_logprob"]).clamp(-20, 20).exp()
        level = batch["action.log_entropy"]
        near = (ratio > 1 - batch["action.clip_low"] / 2) & (ratio < 1 + batch["action.clip_high"] / 2)
        return torch.where((level > 0) ^ near, 1 + self.beta * level, torch.ones_like(level))

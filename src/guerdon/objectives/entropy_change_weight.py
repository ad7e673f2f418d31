"""Tokens whose update would change the entropy most count less (steer).

Idea
    The first-order change of the policy's entropy by one token's update can be told from its probability; damp the
    tokens where it is large, whichever its sign.
Maths
    ``Omega = |A pi (1 - pi) (log pi + H) / pi_old|``; ``w = clip(exp(-k Omega), low, 1)`` with
    ``k = -log(low) / max(max Omega, floor)``.
Reads
    ``action.advantage``, ``action.logprob``, ``action.old_logprob``, ``action.entropy``.
Deviations
    The maximum is over what is trained in a batch that is never split; the released code takes it per micro-batch.
    A change that is not finite counts as 0. The released linear schedule is not here.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import Weight


@dataclass(frozen=True)
class EntropyChangeWeight(Weight):
    """``clip(low^(Omega / max(max Omega, floor)), low, 1)``, without gradient."""

    low: float = 0.8
    """Weight of the action with the largest change."""
    floor: float = 0.02
    """Largest changes below this are treated as if they were this."""

    unit = "batch"
    reads = ("action.advantage", "action.logprob", "action.old_logprob", "action.entropy")

    @property
    def moot(self) -> str:
        """Whether no weight can be smaller than 1."""
        return "gives every action the weight 1: its low is 1" if self.low == 1 else ""

    def __post_init__(self) -> None:
        if not 0 < self.low <= 1 or not self.floor > 0:
            raise GuerdonError(f"EntropyChangeWeight needs low in (0, 1] and floor > 0, got {self}")

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]`` in [low, 1]."""
        prob = batch["action.logprob"].detach().exp().clamp(1e-8, 1 - 1e-8)
        old = batch["action.old_logprob"].exp().clamp(1e-8, 1 - 1e-8)
        typical = prob.log() + batch["action.entropy"].detach()
        change = (batch["action.advantage"] / old * prob * (1 - prob) * typical).abs()
        change = torch.where(change.isfinite() & trained(batch), change, torch.zeros_like(change))
        largest = max(float(change.max()), self.floor) if len(change) else self.floor
        return torch.exp(math.log(self.low) / largest * change).clamp(self.low, 1.0)

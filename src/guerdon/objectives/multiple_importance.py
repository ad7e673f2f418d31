"""Stored responses of an unknown author: a multiple-importance ratio, and a weight for what is new (rlplus).

Idea
    Who wrote a demonstration is not known, so no plain ratio exists. Take the mixture of the old policy and a stand-in
    between it and certainty: the ratio is bounded whatever the old policy thought. And tokens that the policy finds
    unlikely are the ones it has to learn.
Maths
    ``r = 2 p / (p_old + omega)``, ``omega = (p_old + 1) / 2``, in 0..4; loss ``-A r`` with gradient through p.
    ``ExplorationWeight``: ``(1 - p)^gamma`` on stored actions, without gradient, 1 on sampled ones.
Reads
    ``action.advantage``, ``action.logprob``, ``action.old_logprob``; ``traj.sampled`` for the weight.
Deviations
    The paper writes a uniform density U(V) where the released code has the 1 of omega; ``certainty`` is that number.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import RowLoss, Term, Weight


@dataclass(frozen=True)
class MultipleImportance(Term):
    """``-A 2 p / (p_old + (p_old + certainty) / 2)``."""

    certainty: float = 1.0
    """What the stand-in for the unknown author is averaged from, beside p_old."""

    reads = ("action.advantage", "action.logprob", "action.old_logprob")

    def __post_init__(self) -> None:
        if not 0 < self.certainty <= 1:
            raise GuerdonError(
                f"MultipleImportance.certainty must lie in (0, 1], got {self.certainty}; it is a probability"
            )

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``."""
        old = batch["action.old_logprob"].exp()
        ratio = 2 * batch["action.logprob"].exp() / (old + (old + self.certainty) / 2)
        return RowLoss("action", -batch["action.advantage"] * ratio)


@dataclass(frozen=True)
class ExplorationWeight(Weight):
    """``(1 - p)^gamma`` on stored actions, 1 on sampled ones."""

    gamma: float = 0.5
    """How much unlikely tokens count above likely ones; 0: not at all."""

    reads = ("action.logprob", "traj.sampled")

    def __post_init__(self) -> None:
        if not self.gamma >= 0:
            raise GuerdonError(f"ExplorationWeight.gamma must be 0 or more, got {self.gamma}")

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``."""
        new = (1 - batch["action.logprob"].detach().exp()).clamp(min=0) ** self.gamma
        return torch.where(batch["action.sampled"], torch.ones_like(new), new)

"""SAPO: a sigmoid gate in the place of the clip (baseline-cispo-sapo).

Maths
    ``l = -A (4 / tau) sigmoid(tau (rho - 1))`` with ``tau_positive`` where A > 0 and ``tau_negative`` elsewhere. The
    slope in ``log pi`` at rho = 1 is -A whatever tau is, and fades on both sides of 1.
Reads
    ``action.advantage``, ``action.logprob``, ``action.old_logprob``.
Deviations
    None; verl and TRL agree, but for verl's bound on log ratios.
"""

from dataclasses import dataclass

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives import ratio as ratios
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class SAPO(Term):
    """``-A (4 / tau) sigmoid(tau (rho - 1))``."""

    tau_positive: float = 1.0
    """Sharpness of the gate where A > 0."""
    tau_negative: float = 1.05
    """Sharpness elsewhere; higher fades faster."""
    log_ratio_bounds: ratios.Bounds = (-20.0, 20.0)
    """Log ratios are clamped to these before exp; None leaves an end open (TRL: both)."""

    reads = ("action.advantage", "action.logprob", "action.old_logprob")
    clips_ratio = True

    def __post_init__(self) -> None:
        if not (self.tau_positive > 0 and self.tau_negative > 0):
            raise GuerdonError(f"SAPO needs positive taus, got {self.tau_positive} and {self.tau_negative}")

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``."""
        advantage = batch["action.advantage"]
        ratio = ratios.ratio(
            batch, batch["action.logprob"], batch["action.old_logprob"], "token", self.log_ratio_bounds
        )
        positive, negative = ratio.new_tensor(self.tau_positive), ratio.new_tensor(self.tau_negative)
        tau = torch.where(advantage > 0, positive, negative)
        return RowLoss("action", -advantage * torch.sigmoid(tau * (ratio - 1)) * 4 / tau)

"""Expectile value regression: a state value that leans towards the best actions in the data (baseline-iql).

Idea
    The tau-expectile of Q over the data's actions is their mean at tau = 1/2 and nears the best action *that occurs*
    as tau goes to 1, so a maximum is taken without asking Q about an action that was never seen.
Maths
    ``u = Q'(s, a) - V(s)``, ``L = |tau - 1[u < 0]| u^2`` (Kostrikov et al., 2021, eq. 5).
Reads
    ``action.value`` with gradient, ``action.target_q`` without.
Deviations
    None.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import RowLoss, Term


def expectile_loss(error: Tensor, tau: float) -> Tensor:
    """``|tau - 1[error < 0]| error^2`` elementwise; the minimum over a shift is the tau-expectile."""
    return torch.where(error < 0, error.new_tensor(1 - tau), error.new_tensor(tau)) * error**2


@dataclass(frozen=True)
class ExpectileValue(Term):
    """``coef |tau - 1[u < 0]| u^2`` with ``u = target_q - value``."""

    tau: float = 0.7
    """Above 1/2, good actions weigh more; 1/2 is the mean (SARSA)."""
    coef: float = 1.0
    """Weight of the term."""

    reads = ("action.value", "action.target_q")

    def __post_init__(self) -> None:
        if not 0 < self.tau < 1:
            raise GuerdonError(f"ExpectileValue.tau must lie between 0 and 1, got {self.tau}")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses ``[action]``."""
        value = batch["action.value"]
        loss = expectile_loss(batch["action.target_q"].detach() - value, self.tau)
        return RowLoss("action", self.coef * loss, {"expectile/loss": loss.detach(), "value": value.detach()})

"""Negative log-likelihood of the actions: supervised fine-tuning, behaviour cloning, rejection fine-tuning.

Maths
    ``l = -coef log pi(a)``.
Reads
    ``action.logprob``.
Deviations
    None.
"""

from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class NLL(Term):
    """``-coef log pi(a)``."""

    coef: float = 1.0
    """Weight, for use beside another term."""

    reads = ("action.logprob",)

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``."""
        return RowLoss("action", -self.coef * batch["action.logprob"])

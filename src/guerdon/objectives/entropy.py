"""Entropy bonus.

Maths
    ``l = -coef H(pi(. | s))``; a negative ``coef`` penalises entropy.
Reads
    ``action.entropy``.
Deviations
    None.
"""

from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.objectives.aggregation import of_trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class EntropyBonus(Term):
    """``-coef H(pi(. | s))`` per action."""

    coef: float = 0.001
    """Weight of the entropy."""

    reads = ("action.entropy",)

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; metric ``entropy`` over the trained actions."""
        entropy = batch["action.entropy"]
        return RowLoss("action", -self.coef * entropy, {"entropy": of_trained(batch, entropy.detach())})

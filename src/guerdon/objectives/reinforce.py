"""The plain policy gradient.

Maths
    ``l = -A log pi(a)``. Multiplied by an importance weight it is the importance-weighted policy gradient: with
    ``ImportanceWeight(numerator="current", denominator="old", low=.., high=..)`` it is CISPO.
Reads
    ``action.advantage``, ``action.logprob``.
Deviations
    None.
"""

from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class Reinforce(Term):
    """``-A log pi(a)``."""

    reads = ("action.advantage", "action.logprob")

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``."""
        return RowLoss("action", -batch["action.advantage"] * batch["action.logprob"])

"""The policy gradient over all alternatives, by the critics: what an actor of a value-based agent ascends (robofume).

Maths
    ``-coef sum_a pi(a | s) min_j Q_j(s, a)``; with ``EntropyBonus`` beside it, the actor of SAC for choices.
Reads
    ``action.choice_logprob`` with gradient, ``action.choice_q`` without.
Deviations
    None.
"""

from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class PolicyValue(Term):
    """``-coef sum_a pi(a | s) min_j Q_j(s, a)``."""

    coef: float = 1.0
    """Weight of the term."""

    reads = ("action.choice_logprob", "action.choice_q")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses ``[action]``; metric ``policy_value``."""
        value = (batch["action.choice_logprob"].exp() * batch["action.choice_q"].detach().amin(1)).sum(1)
        return RowLoss("action", -self.coef * value, {"policy_value": value.detach()})

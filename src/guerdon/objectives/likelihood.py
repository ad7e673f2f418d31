"""Maximum likelihood of the actions in the batch: supervised fine-tuning, behaviour cloning, weighted regression.

Idea
    Imitate what is there. The rollout decides whose actions those are (demonstrations, a data set, a filtered
    batch), a weight decides how much each counts.
Maths
    ``l = -log pi(a | s)``.
Reads
    ``action.logprob``.
Deviations
    None.
"""

from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class Likelihood(Term):
    """``-coef log pi(a | s)`` per action."""

    coef: float = 1.0
    """Weight, where it is a regulariser."""

    reads = ("action.logprob",)

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses ``[action]``; the metric is the unweighted loss of the trained actions in nats."""
        loss = -batch["action.logprob"]
        return RowLoss("action", self.coef * loss, {"nll": loss.detach()[trained(batch)]})

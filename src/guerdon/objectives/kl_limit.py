"""A penalty that switches on where the policy has moved too far from the one that sampled (drpo).

Idea
    A trust region as a constraint: nothing below the limit, a steep squared hinge above it.
Maths
    ``KL = mean over actions of (log pi_old - log pi)``; loss ``sg(max(coef (KL - limit), 0)) KL``, whose slope is that of
    ``coef/2 max(KL - limit, 0)^2`` up to the value of the limit.
Reads
    ``action.logprob``, ``action.old_logprob``; ``action.mask`` if present.
Deviations
    The KL that switches is measured over the rows at hand: a micro-batch, as in the released code. k1 over old samples
    is the KL of the old policy from the new one.
"""

from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class KLLimit(Term):
    """``sg(max(coef (KL - limit), 0)) (log pi_old - log pi)`` per action."""

    coef: float = 1000.0
    """beta_0: steepness."""
    limit: float = 1e-4
    """delta: KL that costs nothing."""

    unit = "group"
    clips_ratio = True
    reads = ("action.logprob", "action.old_logprob")

    def __post_init__(self) -> None:
        if self.coef < 0 or self.limit < 0:
            raise GuerdonError(f"KLLimit needs coef and limit of 0 or more, got {self.coef} and {self.limit}")

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; metric ``old_kl`` over the trained actions."""
        distance = batch["action.old_logprob"] - batch["action.logprob"]
        kept = distance.detach()[trained(batch)]
        kl = float(kept.mean()) if len(kept) else 0.0
        return RowLoss("action", max(self.coef * (kl - self.limit), 0.0) * distance, {"old_kl": kept})

"""Sample estimators of KL(pi || ref) and their use as a regulariser (baseline-kl).

Maths
    With ``d = log pi - log ref``: k1 = d, abs = |d|, k2 = d^2/2, k3 = exp(-d) + d - 1. As *values* k1 and k3 are
    unbiased; as *losses*, over samples of pi, k1 has gradient 0, k3 that of KL(ref || pi), and k2 that of the KL.
    Over several actions even k2's is that of the KL at the contexts reached, not of how they were reached; k1 in the
    reward (``KLReward``) has both.
Reads
    ``action.logprob`` and ``action.ref_logprob`` (or another copy of the policy).
Deviations
    None. verl clamps -d to +-20 and k3 to +-10, and its ``k3+`` is ``straight_through``; TRL clamps nothing and can
    multiply by the importance ratio.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import of_trained
from guerdon.piece import SNAPSHOTS, RowLoss, Term

Estimator = Literal["k1", "abs", "k2", "k3"]


def kl_estimate(
    difference: Tensor, estimator: Estimator, log_ratio_bound: float | None = None, value_bound: float | None = None
) -> Tensor:
    """One estimate per row from ``difference = log pi - log ref``; the bounds concern k3 alone.

    Args:
        difference: ``[...]``, under samples of pi.
        estimator: which of the four.
        log_ratio_bound: clamp of the difference before exp.
        value_bound: clamp of the result.
    """
    if estimator == "k1":
        return difference
    if estimator == "abs":
        return difference.abs()
    if estimator == "k2":
        return difference.square() / 2
    if log_ratio_bound is not None:
        difference = difference.clamp(-log_ratio_bound, log_ratio_bound)
    value = torch.exp(-difference) + difference - 1
    return value if value_bound is None else value.clamp(-value_bound, value_bound)


@dataclass(frozen=True)
class KLPenalty(Term):
    """``coef * k(log pi - log ref)`` per action."""

    coef: float = 0.001
    """beta (verl 0.001; TRL's GRPO 0, which is no penalty)."""
    estimator: Estimator = "k3"
    """k1, abs, k2 or k3; k2 is the one whose gradient is that of the KL at an action."""
    straight_through: bool = False
    """Keep the estimator's value but take the gradient of k2 (verl's names that end in ``+``)."""
    reference: Literal["ref", "old", "ema"] = "ref"
    """Which copy of the policy to stay close to."""
    importance_correction: bool = False
    """Multiply by the ratio of pi to the sampling policy, with gradient (TRL's ``use_bias_correction_kl``)."""
    log_ratio_bound: float | None = 20.0
    """k3: clamp of the log ratio before exp (verl 20, TRL None)."""
    value_bound: float | None = 10.0
    """k3: clamp of the estimate (verl 10, TRL None)."""

    def __post_init__(self) -> None:
        if self.reference not in SNAPSHOTS:
            raise GuerdonError(f"KLPenalty.reference must be one of {', '.join(SNAPSHOTS)}, got {self.reference!r}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs of the policy and of the reference, and the old ones for the correction."""
        correction = ("action.old_logprob",) if self.importance_correction else ()
        return ("action.logprob", f"action.{self.reference}_logprob", *correction)

    @property
    def clips_ratio(self) -> bool:
        """Whether value and gradient vanish where the policy is still its reference (k1's gradient does not)."""
        return self.reference in ("old", "ema") and (self.estimator != "k1" or self.straight_through)

    @property
    def flat_on_samples(self) -> bool:
        """k1 alone has the slope of a log-prob, whose mean over samples is 0."""
        return self.estimator == "k1" and not self.straight_through and not self.importance_correction

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Penalties ``[action]``; metric ``kl`` is the estimate before ``coef``, over the trained actions."""
        logprob = batch["action.logprob"]
        difference = logprob - batch[f"action.{self.reference}_logprob"]
        value = kl_estimate(difference, self.estimator, self.log_ratio_bound, self.value_bound)
        if self.straight_through:
            square = kl_estimate(difference, "k2")
            value = value.detach() + square - square.detach()
        logged = value.detach()
        if self.importance_correction:
            value = value * torch.exp(logprob - batch["action.old_logprob"])
        return RowLoss("action", self.coef * value, {"kl": of_trained(batch, logged)})

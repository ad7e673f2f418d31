"""How likely the reference answer is after a response's reasoning, as a reward.

Maths
    With p_t the probability of the reference's t-th token: ``product``: ``prod_t p_t``, the probability of the answer
    (VeriFree); ``mean``: ``mean_t p_t``, which one unlikely token does not bring to 0 (RLPR); ``log``: ``mean_t log p_t``.
    ``debias`` takes off the same number without the reasoning, cut to [0, 1] (RLPR); differences of ``log`` are not cut.
Reads
    ``traj.reference_likelihood`` and, to debias, ``group.reference_prior`` of ``WithReferenceLikelihood``.
Deviations
    A product shrinks with the length of the reference, so it suits short answers. The two methods are recalled, not read;
    that VeriFree also trains the reference's tokens, weighted by the reward, is left out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, reward_columns
from guerdon.rewards.guard import Outcome


@dataclass(frozen=True)
class ReferenceLikelihood(Transform):
    """``r_i = prod_t p_t``, ``mean_t p_t`` or ``mean_t log p_t`` over the tokens of the reference answer."""

    form: Literal["product", "mean", "log"] = "product"
    """What the tokens' probabilities make."""
    debias: bool = False
    """Take off the same without the reasoning; the rollout needs ``bare``."""
    missing: float | None = 0.0
    """Reward of a response without the opening of an answer; None: it is unscored."""
    name: str = "likelihood"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        if self.form == "log" and not self.debias and self.missing is not None and self.missing >= 0:
            raise GuerdonError(
                "ReferenceLikelihood.missing must be below 0 or None with form='log', whose rewards are at most 0, "
                f"got {self.missing}"
            )
        if self.missing is not None and not math.isfinite(self.missing):
            raise GuerdonError(f"ReferenceLikelihood.missing must be a number or None, got {self.missing}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs of the reference."""
        return ("traj.reference_likelihood", *(["group.reference_prior"] if self.debias else []))

    @property
    def writes(self) -> tuple[str, ...]:
        """The component and the reasons."""
        return (f"traj.reward/{self.name}", REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``, NaN where unscored, and the reasons."""
        after = batch["traj.reference_likelihood"]
        before = batch["traj.reference_prior"] if self.debias else [None] * len(after)
        return reward_columns(batch, list(map(self._outcome, after, before)), self.name)

    def _outcome(self, after: Tensor | None, before: Tensor | None) -> Outcome:
        if after is None:
            return Outcome(math.nan, "unscored: the problem has no reference answer")
        if not len(after):
            if self.missing is None:
                return Outcome(math.nan, "unscored: the response opens no answer")
            return Outcome(self.missing)
        value = self.summary(after)
        if before is not None:
            value -= self.summary(before)
            value = value if self.form == "log" else min(max(value, 0.0), 1.0)
        return Outcome(value) if math.isfinite(value) else Outcome(math.nan, f"the policy returned {value}")

    def summary(self, logprobs: Tensor) -> float:
        """One number for an answer."""
        logprobs = logprobs.double()
        if self.form == "product":
            return float(logprobs.sum().exp())
        return float((logprobs.exp() if self.form == "mean" else logprobs).mean())

"""Conservative action values: what the policy would do is pushed down, what the data did is pushed up (robofume).

Idea
    A critic trained on data alone believes too much of actions that are not in it. Pushing them down without end (CQL)
    leaves values far below what they are worth, and the first steps online then look like good news everywhere.
    Cal-QL stops at the return of a reference policy.
Maths
    ``coef (sum_a pi(a | s) max(Q(s, a), V_mu(s)) - Q(s, a_data))``, averaged over the critics; without ``reference`` no
    maximum: CQL. ``soft``: ``logsumexp_a`` in place of the mean under the policy, CQL(H).
Reads
    ``action.q`` and ``action.choice_q`` with gradient, ``action.choice_logprob`` without; the reference value.
Deviations
    Choices only, so both sums are exact and need no importance correction.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class ConservativeQ(Term):
    """``coef (E_pi[max(Q, V_mu)] - Q(s, a_data))``."""

    coef: float = 5.0
    """alpha; 0 leaves ordinary temporal differences."""
    reference: str | None = "step.reference_value"
    """V_mu, below which values are not pushed (Cal-QL); None: no such limit (CQL)."""
    soft: bool = False
    """Whether a log-sum-exp takes the place of the mean under the policy."""

    def __post_init__(self) -> None:
        if not 0 <= self.coef < float("inf"):
            raise GuerdonError(f"ConservativeQ.coef must be a finite number of at least 0, got {self.coef}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The critics, the policy unless ``soft``, and the reference."""
        policy = () if self.soft else ("action.choice_logprob",)
        return ("action.q", "action.choice_q", *policy, *(() if self.reference is None else (self.reference,)))

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """Row losses ``[action]``; metric ``conservative/gap`` is the loss without ``coef``."""
        choice_q = batch["action.choice_q"]  # [action, critics, choices]
        if self.reference is not None:
            choice_q = torch.maximum(choice_q, batch[self.reference].to(choice_q.dtype)[:, None, None])
        if self.soft:
            pushed = choice_q.logsumexp(2)
        else:
            pushed = (batch["action.choice_logprob"].detach().exp()[:, None] * choice_q).sum(2)
        gap = (pushed - batch["action.q"]).mean(1)
        return RowLoss("action", self.coef * gap, {"conservative/gap": gap.detach()})

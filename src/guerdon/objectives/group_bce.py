"""Cross entropy between the outcome and a score made of the policy's own log-ratio (pacs).

Idea
    Predict whether a response is right from how much likelier the policy has made it, compared with the other responses
    to the prompt. The gradient of this classifier is a policy gradient whose advantage is the prediction error.
Maths
    ``s_i = beta sum_t (log pi - log old)``; ``psi_i = s_i - mean_{j != i} s_j``;
    ``l_i = w_i BCE(sigmoid(psi_i), R_i)``; ``w_i = n / (2 n_class)`` in a group with both classes, else 1. At s = 0 the
    slope in psi is ``w_i (1/2 - R_i)``.
Reads
    ``action.logprob``, ``action.old_logprob``, ``outcome`` (right above 0.5).
Deviations
    Only trained actions are summed (the released code sums padding too). Unscored responses are left out of scores and
    classes and have loss 0, but count in the mean.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class GroupBCE(Term):
    """``w_i BCE(sigmoid(s_i - mean_{j != i} s_j), R_i)`` per trajectory."""

    beta: float = 1.0
    """Scale of the log ratio (the paper also uses 2)."""
    per_token: bool = False
    """Whether s is a mean over a response's actions instead of the sum."""
    balance: bool = True
    """Whether right and wrong responses of a group weigh the same in total."""
    outcome: str = "traj.reward"
    """The label."""

    unit = "group"
    needs_peers = True
    plain_at_old = True

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise GuerdonError(f"GroupBCE.beta must be positive, got {self.beta}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs and the label."""
        return ("action.logprob", "action.old_logprob", self.outcome)

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[traj]``; metric ``accuracy``, the share of labels that the sign of psi predicts.

        Raises:
            GuerdonError: if a scored response has no other one to be compared with.
        """
        index, size = batch.index("traj", "group"), batch.size("group")
        ratio = batch["action.logprob"] - batch["action.old_logprob"]
        score = self.beta * batch.up(
            ratio, segment.mean if self.per_token else segment.sum, "action", "traj", where=trained(batch)
        )
        scored = batch[self.outcome].isfinite()
        label = (batch[self.outcome] > 0.5) & scored
        count = segment.count(index, size, scored)
        if bool((count == 1).any()):
            raise GuerdonError("GroupBCE needs 2 or more scored responses per group, got 1; raise samples_per_prompt")
        psi = score - segment.leave_one_out_mean(score, index, size, scored)
        weight = torch.ones_like(psi)
        if self.balance:
            good, total = segment.count(index, size, label)[index], count[index]
            own = torch.where(label, good, total - good).clamp(min=1)
            weight = torch.where((good > 0) & (good < total), total.to(psi.dtype) / (2 * own), weight)
        loss = weight * F.binary_cross_entropy_with_logits(psi, label.to(psi.dtype), reduction="none")
        loss = torch.where(scored, loss, torch.zeros_like(loss))
        return RowLoss("traj", loss, {"accuracy": ((psi.detach() > 0) == label)[scored].float()})

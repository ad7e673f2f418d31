"""Regression of the advantage on the policy's own log-ratio, both standardised inside the group (reg_grpo).

Idea
    At the KL-regularised optimum ``log pi*/pi_old = R / beta - log Z``. Standardising both sides over the responses to a
    prompt removes Z and beta, so that what is left is a plain regression, without a clip.
Maths
    ``rho_i = sum_t (log pi - log pi_old)``; ``l_i = (A_i - (rho_i - mean rho) / max(std rho, std_floor))^2``. Any
    ``rho = c A + d`` with c > 0 is optimal. At the old policy rho is 0 everywhere: ``l = A^2``, slope ``-2 A / std_floor``
    (less its group mean).
Reads
    ``action.logprob``, ``action.old_logprob``, ``traj.advantage``; ``action.mask`` if present.
Deviations
    The floor is ours: without it the first step divides by 0. A group whose advantages are all 0 has loss 0 instead of
    being pushed to equal ratios. Unscored responses are left out of mean and std.
"""

from dataclasses import dataclass

import torch

from guerdon import segment
from guerdon.advantages.standardize import scored_rows
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class AdvantageRegression(Term):
    """``(A_i - standardised log-ratio)^2`` per trajectory."""

    std_floor: float = 1e-2
    """Smallest standard deviation of the log-ratios to divide by."""
    detach_std: bool = False
    """Whether the gradient leaves out the standard deviation."""
    ddof: int = 1
    """1: sample standard deviation, as the advantage's. 0: population."""

    unit = "group"
    needs_peers = True
    plain_at_old = True
    reads = ("action.logprob", "action.old_logprob", "traj.advantage")

    def __post_init__(self) -> None:
        if not self.std_floor > 0 or self.ddof not in (0, 1):
            raise GuerdonError(
                f"AdvantageRegression needs std_floor > 0 and ddof 0 or 1, got {self.std_floor} and {self.ddof}"
            )

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[traj]``; metrics: the std of the log-ratios, and the share of trajectories in groups that teach."""
        index, size = batch.index("traj", "group"), batch.size("group")
        advantage = batch["traj.advantage"]
        ratio = batch["action.logprob"] - batch["action.old_logprob"]
        ratio = batch.up(ratio, segment.sum, "action", "traj", where=trained(batch))
        scored = scored_rows(batch, "traj")
        spread = segment.std(ratio, index, size, scored, ddof=self.ddof)
        divisor = (spread.detach() if self.detach_std else spread).clamp(min=self.std_floor)
        standardized = (ratio - segment.mean(ratio, index, size, scored)[index]) / divisor[index]
        teaches = (segment.count(index, size, advantage != 0) > 0)[index] & scored
        loss = torch.where(teaches, (advantage - standardized).square(), torch.zeros_like(standardized))
        return RowLoss("traj", loss, {"ratio_std": spread.detach()[index], "teaches": teaches.float()})

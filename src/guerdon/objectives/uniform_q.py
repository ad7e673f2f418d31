"""The Q-function of the uniformly random policy, learned as the policy's own log-ratio (rover).

Idea
    Where actions lead to one place each and only the end pays, even the value of acting at random ranks actions rightly.
    Let the log-ratio to the old policy be that value and fit it to one step of its Bellman equation.
Maths
    ``Q_t = rho (log p(a_t) - log p_old(a_t))``; ``V'_{t+1} = rho mean_v [log p(v) - log p_old(v)]`` at the next action's
    context, 0 after the last; ``loss_t = (Q_t - A_t - sg V'_{t+1})^2`` with the centred reward A on every action.
Reads
    ``action.advantage``, ``action.logprob``, ``action.mean_logprob`` (over the whole vocabulary) and both of the old
    policy; ``action.mask`` if present.
Deviations
    None. At the old policy Q = V' = 0, and the gradient is that of REINFORCE times 2 rho.
"""

from dataclasses import dataclass

import torch

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class UniformQRegression(Term):
    """``(Q - A - V'_next)^2`` with ``Q = rho (log p - log p_old)``."""

    rho: float = 1.0
    """Temperature: how much reward one unit of log-ratio stands for."""

    reads = (
        "action.advantage",
        "action.logprob",
        "action.old_logprob",
        "action.mean_logprob",
        "action.old_mean_logprob",
    )
    unit = "traj"
    plain_at_old = True

    def __post_init__(self) -> None:
        if not self.rho > 0:
            raise GuerdonError(f"UniformQRegression.rho must be positive, got {self.rho}")

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; metric ``q`` is Q over the trained actions."""
        rows = trained(batch)
        q = self.rho * (batch["action.logprob"] - batch["action.old_logprob"])
        value = self.rho * (batch["action.mean_logprob"].detach() - batch["action.old_mean_logprob"])
        value = torch.where(rows, value, torch.zeros_like(value))
        later = segment.shift(value, batch.index("action", "traj"), batch.size("traj"))
        loss = (q - batch["action.advantage"] - later).square()
        return RowLoss("action", loss, {"q": q.detach()[rows]})

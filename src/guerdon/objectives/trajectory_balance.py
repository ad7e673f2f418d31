"""Trajectory balance: one log-ratio per complete construction (baseline-gfn-tb).

Idea
    Forward probability times Z must equal reward times backward probability along every path. When it holds on all
    paths, objects are sampled in proportion to their reward. The paths may come from any policy.
Maths
    score(tau) = sum_t log P_F(a_t | s_t) - sum_t log P_B(s_t | s_t+1) - log R(x)
    TrajectoryBalance     L = g(log Z + score), one row per trajectory
    LogPartitionVariance  L = g(score - mean score), no log Z: the mean is its batch estimate
    Relative trajectory balance is the first with ``backward="action.ref_logprob"``, g = HalfSquared and a
    ``LogReward(beta=...)``: the posterior p_ref(tau) r(x)^beta / Z of a pre-trained sampler.
Reads
    ``action.logprob``, the backward column, ``traj.log_reward`` (shaping/log_reward.py), ``group.log_z`` (the first).
Deviations
    None (Malkin et al. 2022, eq. 14; torchgfn). Unscored trajectories get loss 0 and take no part in the mean.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.objectives.regression import Regression, Squared
from guerdon.piece import RowLoss, Term


def log_ratio(batch: Batch, backward: str | None) -> Tensor:
    """``sum log P_F - sum log P_B - log R`` of each trajectory, ``[traj]``; NaN where the reward is unscored."""
    logprob = batch["action.logprob"]
    ratio = logprob if backward is None else logprob - batch[backward]
    return batch.up(ratio, segment.sum, "action", "traj") - batch["traj.log_reward"]


def rows(residual: Tensor, scored: Tensor, regression: Regression, **metrics: Tensor) -> RowLoss:
    """g of the residual as row losses; the residual is made 0 before g where nothing was scored, so no NaN leaks."""
    residual = torch.where(scored, residual, torch.zeros_like(residual))
    return RowLoss("traj", regression(residual), {"imbalance": residual.detach().abs(), **metrics})


@dataclass(frozen=True)
class TrajectoryBalance(Term):
    """``g(log Z + sum log P_F - sum log P_B - log R)`` per trajectory."""

    regression: Regression = field(default_factory=Squared)
    """g."""
    backward: str | None = "action.backward_logprob"
    """Column of log P_B; ``action.ref_logprob`` for a posterior over a frozen sampler; None where paths form a tree."""

    unit = "traj"

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs, the log reward and log Z."""
        backward = () if self.backward is None else (self.backward,)
        return ("action.logprob", *backward, "traj.log_reward", "group.log_z")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """One row per trajectory."""
        log_z = batch.down(batch["group.log_z"], "group", "traj")
        scored = batch["traj.log_reward"].isfinite()
        return rows(log_z + log_ratio(batch, self.backward), scored, self.regression, log_z=log_z.detach())


@dataclass(frozen=True)
class LogPartitionVariance(Term):
    """``g(score - mean score)`` per trajectory, so that no log Z is learned."""

    regression: Regression = field(default_factory=Squared)
    """g."""
    backward: str | None = "action.backward_logprob"
    """Column of log P_B; ``action.ref_logprob`` for a posterior over a frozen sampler; None where paths form a tree."""
    over: Literal["batch", "group"] = "batch"
    """Whose mean: the whole batch's (one start state) or each group's (log Z depends on the condition)."""

    @property
    def unit(self) -> str:
        """What the mean is taken over must not be split."""
        return self.over

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs and the log reward."""
        backward = () if self.backward is None else (self.backward,)
        return ("action.logprob", *backward, "traj.log_reward")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """One row per trajectory."""
        score, scored = log_ratio(batch, self.backward), batch["traj.log_reward"].isfinite()
        group, groups = batch.index("traj", "group"), batch.size("group")
        if self.over == "batch":
            group, groups = torch.zeros_like(group), 1
        mean = segment.mean(score, group, groups, where=scored)
        return rows(score - mean[group], scored, self.regression, log_z=-mean.detach()[group])

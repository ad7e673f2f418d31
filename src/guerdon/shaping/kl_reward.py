"""A KL penalty inside the reward (baseline-kl): per action as in PPO, or summed over the response as in RLOO.

Maths
    ``r_t - beta k(log pi_old - log ref)`` per action, or ``R - beta sum_t k`` per trajectory. With a target the
    coefficient follows ``beta <- beta (1 + clip(kl / target - 1, -0.2, 0.2) n / horizon)`` after every batch of n
    trajectories, kl being the mean over trajectories of the mean over actions.
Reads
    The reward column, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    None. verl: per action, k1 or k3, coefficient 0.001. TRL's RLOO: per trajectory, k1, 0.05.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.axes import is_extensive, split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.objectives.kl import Estimator, kl_estimate
from guerdon.piece import Transform


class Coefficient(nn.Module):
    """The running coefficient."""

    value: Tensor

    def __init__(self, start: float) -> None:
        super().__init__()
        self.register_buffer("value", torch.tensor(start, dtype=torch.float64))


@dataclass(frozen=True)
class KLReward(Transform):
    """``reward - coef k(log pi_old - log ref)``, the reward being an action's or a trajectory's."""

    coef: float = 0.05
    """beta, or where it starts if there is a target."""
    estimator: Estimator = "k1"
    """k1, abs, k2 or k3."""
    column: str = "traj.reward"
    """The reward to change in place: ``traj.reward``, or ``action.reward`` after a credit piece."""
    target: float | None = None
    """Adapt the coefficient so that the KL per action comes near this; None: fixed."""
    horizon: int = 10_000
    """Trajectories over which it adapts."""

    def __post_init__(self) -> None:
        if not is_extensive(split_name(self.column)[1]):
            raise GuerdonError(f"KLReward.column must be a reward such as traj.reward, got {self.column!r}")
        if self.horizon < 1 or (self.target is not None and self.target <= 0):
            raise GuerdonError(f"KLReward needs target > 0 and horizon >= 1, got {self.target} and {self.horizon}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and both log-probs."""
        return (self.column, "action.old_logprob", "action.ref_logprob")

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.column,)

    def init_state(self) -> nn.Module | None:
        """The running coefficient, if there is a target."""
        return None if self.target is None else Coefficient(self.coef)

    def __call__(self, batch: Batch, state: Coefficient | None = None) -> Mapping[str, Column]:
        """The changed reward; an adaptive coefficient moves after it was used."""
        kl = kl_estimate(batch["action.old_logprob"] - batch["action.ref_logprob"], self.estimator, 20.0, 10.0)
        coef = self.coef if state is None else float(state.value)
        reward, level = batch[self.column], split_name(self.column)[0]
        index, size = batch.index("action", level), batch.size(level)
        if state is not None and self.target is not None:
            rows, count = batch.index("action", "traj"), batch.size("traj")
            mean = float(segment.mean(kl, rows, count, trained(batch)).mean())
            error = max(-0.2, min(0.2, mean / self.target - 1))
            state.value.mul_(1 + error * count / self.horizon)
        return {self.column: reward - coef * segment.sum(kl, index, size, trained(batch)).to(reward.dtype)}

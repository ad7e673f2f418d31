"""Generalised advantage estimation (Schulman et al., 2016; baseline-ppo), for tokens, turns and environment steps.

Maths
    ``delta_t = r_t + discount V_{t+1} - V_t``, ``A_t = delta_t + discount lambda A_{t+1}``, return ``A_t + V_t``.
Reads
    ``action.reward`` and ``action.old_value`` by default; ``traj.bootstrap_value`` if present.
Deviations
    The value after the last action is ``traj.bootstrap_value`` where the batch has it (a rollout that was cut, 0 where
    it terminated) and 0 elsewhere; with ``finished`` an unfinished trajectory's is its last action's own value, as the
    next state's is not known yet (t_ppo). Prompt and tool tokens are no rows, so the recursion jumps over them as
    verl's does. Unscored trajectories get advantage 0, and their value as return, so that a critic learns nothing
    from them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.advantages.standardize import wholly_scored
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class GAE(Transform):
    """``A_t = sum_k (discount lambda_)^k delta_{t+k}`` with ``delta_t = r_t + discount V_{t+1} - V_t``."""

    discount: float = 1.0
    """gamma."""
    lambda_: float = 1.0
    """1: Monte-Carlo returns minus V. 0: one-step temporal differences."""
    return_lambda: float | None = None
    """lambda of the returns that the critic learns, where it is not that of the advantages."""
    reward: str = "action.reward"
    """Reward column; its level is that of the result."""
    value: str = "action.old_value"
    """Value column of that level."""
    advantage: str = "action.advantage"
    """Where the advantage goes."""
    returns: str = "action.return"
    """Where the critic's target goes."""
    finished: str | None = None
    """Boolean trajectory column: where false, the response goes on, and its last value is taken to hold on."""

    def __post_init__(self) -> None:
        for name in ("discount", "lambda_", "return_lambda"):
            if (value := getattr(self, name)) is not None and not 0 <= value <= 1:
                raise GuerdonError(f"GAE.{name} must lie in [0, 1], got {value}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Reward, value and, if asked for, which trajectories are finished."""
        return (self.reward, self.value, *((self.finished,) if self.finished else ()))

    @property
    def writes(self) -> tuple[str, ...]:
        """Advantage and return."""
        return (self.advantage, self.returns)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Advantage and return, ``[level of the reward]``; neither is whitened."""
        level = split_name(self.reward)[0]
        value = batch[self.value]
        index, size = batch.index(level, "traj"), batch.size("traj")
        following = segment.shift(value, index, size) + self._after(batch, value, level)
        reward = batch[self.reward].to(value.dtype)
        scored = wholly_scored(batch, reward, level)
        delta = torch.where(scored, reward, 0.0) + self.discount * following - value

        def estimate(lambda_: float) -> Tensor:
            return torch.where(scored, segment.discounted_sum(delta, index, size, self.discount * lambda_), 0.0)

        advantage = estimate(self.lambda_)
        target = advantage if self.return_lambda is None else estimate(self.return_lambda)
        return {self.advantage: advantage, self.returns: target + value}

    def _after(self, batch: Batch, value: Tensor, level: str) -> Tensor | float:
        """The value of what follows a trajectory's last row, at that row; 0 at the others."""
        bootstrap = "traj.bootstrap_value" in batch
        if not bootstrap and not self.finished:
            return 0.0
        index = batch.index(level, "traj")
        is_last = segment.shift(index, index, batch.size("traj"), fill=-1) != index
        after = torch.zeros_like(value)
        if bootstrap:
            after = segment.spread(batch["traj.bootstrap_value"].to(value.dtype), index)
        if self.finished:
            after = torch.where(segment.spread(batch[self.finished], index), after, value)
        return torch.where(is_last, after, 0.0)

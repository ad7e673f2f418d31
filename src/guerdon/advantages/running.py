"""Running statistics per prompt: an advantage against what a prompt has paid lately.

Idea
    Rewards of different prompts live on different scales; a buffer of each prompt's last rewards gives it a mean and a
    standard deviation of its own even where a batch holds it only once (Black et al. 2023).
Maths
    Put the batch's rewards into their prompts' buffers, then A_i = (r_i - mean_p) / (std_p + eps) over the buffer, with
    the population standard deviation. While a buffer holds fewer than ``min_count``: mean and std of the whole batch.
Reads
    ``traj.reward``, ``group.problem_id``.
Deviations
    None from ddpo-pytorch's tracker, which also adds the same eps to the batch's std. Unscored rewards enter no
    buffer and get advantage 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


class RewardBuffers(nn.Module):
    """The last ``size`` rewards of every prompt seen so far. New prompts may come at any time."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.rewards: dict[int, Tensor] = {}

    def add(self, problem: int, rewards: Tensor) -> Tensor:
        """Append rewards ``[n]`` to a prompt's buffer and return the buffer, float64, oldest first."""
        known = self.rewards.get(problem, torch.zeros(0, dtype=torch.float64))
        self.rewards[problem] = torch.cat([known, rewards.double().cpu()])[-self.size :]
        return self.rewards[problem]

    def get_extra_state(self) -> Tensor:
        """The buffers as one tensor for checkpoints: a row (prompt, rewards, NaN up to ``size``) per prompt."""
        table = torch.full((len(self.rewards), 1 + self.size), torch.nan, dtype=torch.float64)
        for row, (problem, rewards) in enumerate(self.rewards.items()):
            table[row, 0] = problem
            table[row, 1 : 1 + len(rewards)] = rewards
        return table

    def set_extra_state(self, state: Tensor) -> None:
        """Counterpart of ``get_extra_state``."""
        self.rewards = {int(row[0]): row[1:][row[1:].isfinite()].clone() for row in state.cpu()}


@dataclass(frozen=True)
class RunningStandardize(Transform):
    """``A_i = (r_i - mean_p) / (std_p + eps)`` over the last rewards of the prompt."""

    size: int = 16
    """Rewards to keep per prompt."""
    min_count: int = 16
    """Buffered rewards from which a prompt's own statistics are used; before, the batch's are."""
    eps: float = 1e-6
    """Added to the standard deviation."""

    @property
    def memory(self) -> int:
        """Rewards per prompt."""
        return self.size

    reads = ("traj.reward", "group.problem_id")
    writes = ("traj.advantage",)

    def __post_init__(self) -> None:
        if not 1 <= self.min_count <= self.size:
            raise GuerdonError(
                f"RunningStandardize.min_count must lie in 1..size, got {self.min_count} with size {self.size}; "
                "a buffer can never hold more than size"
            )

    def init_state(self) -> RewardBuffers:
        """Empty buffers."""
        return RewardBuffers(self.size)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.advantage``, ``[traj]``; updates the buffers."""
        reward, problem = batch["traj.reward"], batch["traj.problem_id"]
        scored = reward.isfinite()
        advantage = torch.zeros_like(reward)
        everything = reward[scored].double()
        for number in problem[scored].unique().tolist():
            rows = scored & (problem == number)
            recent = state.add(number, reward[rows])
            pool = (recent if len(recent) >= self.min_count else everything).to(reward.device)
            centred = (reward[rows].double() - pool.mean()) / (pool.std(correction=0) + self.eps)
            advantage[rows] = centred.to(reward.dtype)
        return {"traj.advantage": advantage}

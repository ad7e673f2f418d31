"""A positive bonus on advantages, steered by how hidden states spread, that never flips a sign (verl_er).

Idea
    Where the rank of the hidden states accelerates, pay for spreading out; where it slows down, pay for still growing.
    Each signal counts relative to what it has been lately.
Maths
    ``d_I = clip((I - b_I) / (|b_I| + 1e-8), -5, 5)`` with moving means ``b_I <- 0.3 b_I + 0.7 mean_batch I`` of rank R,
    velocity V, acceleration A; ``beta = sigmoid(1.5 d_A)``; ``w = beta explore + (1 - beta) exploit`` over (A, V, R);
    ``Phi = s sum_I w_I tanh(d_I)``; ``A' = A + min(relu(Phi), |A| / kappa)``. s = 1, or with ``reward_range`` (low, high)
    ``s = 1 - (e - low) / (high - low)``, e the moving mean of the batch's mean reward.
Reads
    ``traj.rank_acceleration``, ``traj.rank_velocity``, ``traj.effective_rank``, ``traj.advantage``, ``traj.reward``.
Deviations
    The first batch only fills the moving means. Unscored trajectories are in no mean and keep advantage 0. The paper
    puts the bonus on all tokens, its code on the last one (``last_action``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

SIGNALS = ("traj.rank_acceleration", "traj.rank_velocity", "traj.effective_rank")
Weights = tuple[float, float, float]


class MovingMeans(nn.Module):
    """The moving means of the three signals and of the reward, and whether there was a batch yet."""

    means: Tensor
    filled: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(4, dtype=torch.float64))
        self.register_buffer("filled", torch.tensor(False))

    def move(self, latest: Tensor, rate: float) -> None:
        """Towards the latest batch means, ``[4]``; the first batch is taken as it is."""
        latest = latest.to(self.means)
        self.means.copy_(torch.lerp(self.means, latest, rate) if bool(self.filled) else latest)
        self.filled.fill_(True)


def bounded(advantage: Tensor, bonus: Tensor, kappa: float) -> Tensor:
    """``A + min(relu(bonus), |A| / kappa)``."""
    return advantage + torch.minimum(bonus.clamp(min=0), advantage.abs() / kappa)


@dataclass(frozen=True)
class BoundedBonus(Transform):
    """``A' = A + min(relu(Phi), |A| / kappa)``, Phi from rank, velocity and acceleration of the hidden states."""

    explore: Weights = (0.0, 0.0, 1.0)
    """Weights of (acceleration, velocity, rank) where the rank accelerates."""
    exploit: Weights = (0.0, 1.0, 0.0)
    """The same where it slows down."""
    kappa: float = 2.0
    """The bonus is at most |A| / kappa."""
    sharpness: float = 1.5
    """How fast the mix turns from one to the other."""
    rate: float = 0.7
    """Share of the newest batch in the moving means."""
    reward_range: tuple[float, float] | None = None
    """Lowest and highest reward: the bonus fades as the mean reward rises. None: it does not (s = 1)."""
    last_action: bool = False
    """Whether only the last action of a trajectory gets the bonus; writes ``action.advantage`` then."""

    def __post_init__(self) -> None:
        if not self.kappa > 1:
            raise GuerdonError(
                f"BoundedBonus.kappa must exceed 1, got {self.kappa}; else the bonus could flip the advantage's sign"
            )
        if not 0 < self.rate <= 1:
            raise GuerdonError(f"BoundedBonus.rate must lie in (0, 1], got {self.rate}")
        if self.reward_range is not None and not self.reward_range[0] < self.reward_range[1]:
            raise GuerdonError(
                f"BoundedBonus.reward_range must be (low, high) with low < high, got {self.reward_range}"
            )

    warmup_steps = 1
    reads = (*SIGNALS, "traj.advantage", "traj.reward")

    @property
    def writes(self) -> tuple[str, ...]:
        """The advantage, of trajectories or of actions."""
        return ("action.advantage",) if self.last_action else ("traj.advantage",)

    def init_state(self) -> MovingMeans:
        """Empty moving means."""
        return MovingMeans()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The advantage with its bonus; moves the means."""
        advantage, reward = batch["traj.advantage"], batch["traj.reward"]
        signals = torch.stack([batch[name].double() for name in SIGNALS])
        scored = reward.isfinite()
        bonus = torch.zeros_like(signals[0])
        if bool(state.filled):
            bonus = torch.where(scored, self.potential(signals, state.means.to(signals.device)), 0.0)
        if bool(scored.any()):
            latest = torch.cat([signals[:, scored].mean(1), reward[scored].double().mean()[None]])
            state.move(latest, self.rate)
        if not self.last_action:
            return {"traj.advantage": bounded(advantage, bonus.to(advantage.dtype), self.kappa)}
        index, size = batch.index("action", "traj"), batch.size("traj")
        is_last = segment.shift(torch.ones(len(index), device=batch.device), index, size) == 0
        raised = bounded(advantage, bonus.to(advantage.dtype), self.kappa)
        return {"action.advantage": torch.where(is_last, raised[index], advantage[index])}

    def potential(self, signals: Tensor, means: Tensor) -> Tensor:
        """Phi ``[traj]`` of signals ``[3, traj]`` against the moving means ``[4]``."""
        base = means[:3, None]
        apart = ((signals - base) / (base.abs() + 1e-8)).clamp(-5, 5)
        mix = torch.sigmoid(self.sharpness * apart[0])
        explore, exploit = (signals.new_tensor(weights)[:, None] for weights in (self.explore, self.exploit))
        total = ((mix * explore + (1 - mix) * exploit) * apart.tanh()).sum(0)
        if self.reward_range is None:
            return total
        low, high = self.reward_range
        return total * (1 - (means[3] - low) / (high - low))

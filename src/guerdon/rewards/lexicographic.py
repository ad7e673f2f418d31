"""A reward learned from comparisons by factors in order of importance (heron).

Idea
    Say which factor matters most, which next, and how large a difference counts; no weights have to be found. The
    pairs that this decides train a reward model, which the policy is trained on.
Maths
    i is preferred to j at the first k with ``|f_k(i) - f_k(j)| > m_k``, if ``s_k (f_k(i) - f_k(j)) > 0``; where no factor
    decides the pair is dropped. ``m_k = margin std(f_k)`` over the batch, 0 for a factor named in ``exact``.
    ``L = sum over decided pairs of -log sigmoid(r(i) - r(j)) / (pairs + 1e-5)``, ``r = w . phi``; the reward is
    ``(r - mean r) / std r`` over the batch.
Reads
    The factors and ``traj.features``.
Deviations
    A linear reward; the released code trains a network, on minibatches of 16, and keeps the statistics of the last
    training. With margins preferences need not be transitive: never sort by them. A trajectory with a factor that is
    unscored is in no pair and unscored. A batch without a decided pair moves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table

EPS = 1e-5


def prefer(factors: Tensor, margins: Tensor, signs: Tensor) -> tuple[Tensor, Tensor]:
    """Every pair compared.

    Args:
        factors: ``[n, k]``, the most important one first.
        margins: ``[k]``, what a difference has to exceed.
        signs: ``[k]``, +1 where more is better and -1 where less is.

    Returns:
        +1 where row i is preferred to row j, -1 where j is, 0 undecided, ``[n, n]``; and the number of the factor that
        decided, -1 where none did.
    """
    gaps = signs * (factors[:, None] - factors[None])
    counts = gaps.abs() > margins
    level = torch.where(counts.any(2), counts.long().argmax(2), -1)
    deciding = gaps.gather(2, level.clamp(min=0)[..., None])[..., 0].sign()
    return torch.where(level >= 0, deciding, 0.0), level


def pair_loss(rewards: Tensor, preferred: Tensor) -> Tensor:
    """Mean ``-log sigmoid(r(i) - r(j))`` over the pairs in which i is preferred; 0 where there is none."""
    better, worse = (preferred > 0).nonzero(as_tuple=True)
    losses = nn.functional.softplus(rewards[worse] - rewards[better])
    return losses.sum() / (len(better) + EPS)


class LinearReward(nn.Module):
    """Weights ``[width]``, 0 at the start."""

    weights: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(width, dtype=torch.float64))


@dataclass(frozen=True)
class LexicographicReward(Transform):
    """``r = w . phi`` from pairs that the factors decide in their order."""

    factors: tuple[str, ...]
    """Components or columns of trajectories, the most important one first."""
    width: int
    """Numbers in ``traj.features``."""
    less_is_better: tuple[str, ...] = ()
    """The factors of which less is better."""
    exact: tuple[str, ...] = ()
    """The factors of which any difference counts, such as flags."""
    margin: float = 1.0
    """Difference that counts of the others, in standard deviations over the batch."""
    lr: float = 0.1
    """Step of the weights, one per batch."""
    output: str = "traj.reward/preference"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("LexicographicReward", "factors", self.factors)
        check_output("LexicographicReward", self.output, self.factors)
        if unknown := sorted({*self.less_is_better, *self.exact} - set(self.factors)):
            raise GuerdonError(
                f"LexicographicReward.less_is_better and exact must name factors, got {', '.join(unknown)}"
            )
        if self.width < 1 or not self.margin >= 0 or not self.lr > 0:
            raise GuerdonError(
                "LexicographicReward needs width >= 1, margin >= 0 and lr > 0, got "
                f"{self.width}, {self.margin} and {self.lr}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The factors and the features."""
        return (*map(column_of, self.factors), "traj.features")

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def init_state(self) -> LinearReward:
        """A reward of 0."""
        return LinearReward(self.width)

    def preferences(self, factors: Tensor) -> Tensor:
        """+1, -1 or 0 for every pair of rows ``[n, k]`` without NaN."""
        spread = factors.std(0, correction=0) if len(factors) else factors.new_zeros(len(self.factors))
        counts = factors.new_tensor([0.0 if name in self.exact else self.margin for name in self.factors])
        signs = factors.new_tensor([-1.0 if name in self.less_is_better else 1.0 for name in self.factors])
        return prefer(factors, counts * spread, signs)[0]

    def __call__(self, batch: Batch, state: LinearReward | None = None) -> Mapping[str, Column]:
        """The standardised reward, ``[traj]``; moves the weights first."""
        factors, features = table(batch, self.factors).double(), batch["traj.features"].double()
        if features.shape[1:] != (self.width,):
            raise GuerdonError(
                f"LexicographicReward.width must be that of traj.features, got {self.width} for "
                f"{tuple(features.shape[1:])}"
            )
        state = self.init_state().to(features.device) if state is None else state
        scored = factors.isfinite().all(1) & features.isfinite().all(1)
        rows = features[scored]
        state.weights -= self.lr * self.slope(rows, self.preferences(factors[scored]), state.weights)
        rewards = rows @ state.weights
        spread = rewards.std(correction=0) if len(rewards) else rewards.sum()
        rewards = (rewards - rewards.mean()) / torch.where(spread > 0, spread, 1.0) if len(rewards) else rewards
        out = features.new_full((len(features),), torch.nan).masked_scatter(scored, rewards)
        return {self.output: out.to(batch["traj.features"].dtype)}

    def slope(self, features: Tensor, preferred: Tensor, weights: Tensor) -> Tensor:
        """Gradient of the pair loss in the weights."""
        weights = weights.detach().clone().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(pair_loss(features @ weights, preferred), weights)
        return slope

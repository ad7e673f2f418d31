"""Demands on average costs, met by Lagrange multipliers that rise while a demand is not met (reward_spec_thesis).

Idea
    Say what is demanded ("at most 2 % of the responses leave the format") instead of tuning penalties.
Maths
    ``R = lambda_0 r + sum_k lambda_k s_k (c_k - d_k)``, s_k = +1 where c_k is to be at least d_k, -1 at most.
    Then ``z_k <- z_k - lr s_k (mean(c_k) - d_k)``.
    softmax: ``lambda = softmax(start, z_1..z_K)``; dual: ``lambda_0 = 1``, ``lambda_k = z_k`` cut to ``[0, largest]``.
    Bootstrap: one constraint says "succeed often enough", and ``lambda_0 <- max(lambda_0, lambda_success)``.
Reads
    The reward ``main`` and the costs, by component name.
Deviations
    Recalled, as in the thesis's chapter on direct behaviour specification. A cost that is unscored in a whole batch
    moves no multiplier. The multipliers move after they were used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


class Multipliers(nn.Module):
    """z_1..z_K, in float64."""

    z: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("z", torch.zeros(count, dtype=torch.float64))


@dataclass(frozen=True)
class Constraints(Transform):
    """``R = lambda_0 r + sum_k lambda_k s_k (c_k - d_k)`` with multipliers that learn."""

    main: str
    """r: the component to maximise, by name."""
    costs: tuple[str, ...] = ()
    """c_k: the components that demands are about, such as indicators in 0..1."""
    limits: tuple[float, ...] = ()
    """d_k: one for each."""
    at_least: tuple[str, ...] = ()
    """The costs whose mean is to be at least their limit; of the others, at most."""
    lr: float = 0.1
    """How fast the multipliers move."""
    multipliers: Literal["softmax", "dual"] = "softmax"
    """softmax: positive, adding up to 1. dual: plain dual ascent beside a reward of weight 1."""
    start: float = 0.0
    """What stands for the reward in the softmax."""
    success: str | None = None
    """The constraint whose multiplier the reward's may not fall below; needs softmax."""
    largest: float = 100.0
    """Largest multiplier of dual ascent."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("Constraints", "costs", self.costs, least=0)
        check_output("Constraints", self.output, (self.main, *self.costs))
        if len(self.limits) != len(self.costs):
            raise GuerdonError(f"Constraints.limits must be one per cost, got {self.limits} for {self.costs}")
        if unknown := sorted({*self.at_least, *([self.success] if self.success else [])} - set(self.costs)):
            raise GuerdonError(f"Constraints.at_least and success must name costs, got {', '.join(unknown)}")
        if not self.lr > 0 or not self.largest > 0 or (self.success and self.multipliers != "softmax"):
            raise GuerdonError(
                "Constraints needs lr > 0, largest > 0 and softmax multipliers where there is a success, got "
                f"lr={self.lr}, largest={self.largest}, multipliers={self.multipliers!r}, success={self.success!r}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and the costs."""
        return tuple(map(column_of, (self.main, *self.costs)))

    @property
    def writes(self) -> tuple[str, ...]:
        """The Lagrangian."""
        return (self.output,)

    def init_state(self) -> nn.Module:
        """All z are 0."""
        return Multipliers(len(self.costs))

    def weights(self, z: Tensor) -> Tensor:
        """lambda_0..lambda_K."""
        if self.multipliers == "dual":
            return torch.cat([z.new_ones(1), z.clamp(0, self.largest)])
        weights = torch.cat([z.new_tensor([self.start]), z]).softmax(0)
        if self.success is not None:
            floor = weights[1 + self.costs.index(self.success)]
            weights = torch.cat([torch.maximum(weights[:1], floor[None]), weights[1:]])
        return weights

    def __call__(self, batch: Batch, state: Multipliers | None = None) -> Mapping[str, Column]:
        """The Lagrangian, ``[traj]``; the multipliers move afterwards."""
        values = table(batch, (self.main, *self.costs))
        state = Multipliers(len(self.costs)).to(values.device) if state is None else state
        signs = state.z.new_tensor([1.0 if name in self.at_least else -1.0 for name in self.costs])
        gaps = signs * (values[:, 1:].double() - state.z.new_tensor(self.limits))
        terms = torch.cat([values[:, :1].double(), gaps], dim=1)
        total = (self.weights(state.z) * terms).sum(1)
        known = gaps.isfinite()
        mean = torch.where(known, gaps.detach(), 0.0).sum(0) / known.sum(0).clamp(min=1)
        state.z -= self.lr * mean
        if self.multipliers == "dual":
            state.z.clamp_(0, self.largest)
        return {self.output: total.to(values.dtype)}

"""Rewards put on the scale of all rewards seen so far in the run (par's baselines).

Idea
    A reward model's scale drifts with the policy; statistics over the whole run are steadier than a batch's.
Maths
    Update count, mean, M2 (Chan et al.'s merge), lowest and highest with the batch's rewards, then
    standardize: ``(r - mean) / std``; clip: r cut to ``mean +- std``; minmax: ``(r - lowest) / (highest - lowest)``.
    Population variance, at least eps; range at least eps.
Reads
    ``column``, by default ``traj.reward``.
Deviations
    None. Unscored rewards enter no statistics and stay unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


class RunningMoments(nn.Module):
    """Count, mean, sum of squared deviations, lowest and highest of all values seen, in float64."""

    count: Tensor
    mean: Tensor
    squares: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self) -> None:
        super().__init__()
        starts = {"count": 0.0, "mean": 0.0, "squares": 0.0, "lowest": torch.inf, "highest": -torch.inf}
        for name, start in starts.items():
            self.register_buffer(name, torch.tensor(start, dtype=torch.float64))

    def add(self, values: Tensor) -> None:
        """Merge values ``[n]`` in."""
        if not len(values):
            return
        values = values.detach().double()
        total = self.count + len(values)
        mean = values.mean()
        gap = mean - self.mean
        self.squares += (values - mean).square().sum() + gap.square() * self.count * len(values) / total
        self.mean += gap * len(values) / total
        self.count.copy_(total)
        self.lowest.copy_(torch.minimum(self.lowest, values.min()))
        self.highest.copy_(torch.maximum(self.highest, values.max()))


@dataclass(frozen=True)
class RunningScale(Transform):
    """``(r - mean) / std``, r cut to ``mean +- std``, or ``(r - lowest) / (highest - lowest)`` over the whole run."""

    how: Literal["standardize", "clip", "minmax"] = "standardize"
    """What is done with the statistics."""
    eps: float = 1e-8
    """Smallest variance and smallest range."""
    column: str = "traj.reward"
    """What to change in place."""

    def __post_init__(self) -> None:
        if not self.eps > 0:
            raise GuerdonError(f"RunningScale.eps must be positive, got {self.eps}; it keeps the division finite")

    @property
    def acts_as(self) -> str:
        """A scale and a shift, unless it clips."""
        return "" if self.how == "clip" else "affine"

    @property
    def reads(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def init_state(self) -> RunningMoments:
        """No values yet."""
        return RunningMoments()

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The column, on the run's scale; updates the statistics first."""
        values = batch[self.column]
        state.add(values[values.isfinite()])
        if not state.count:
            return {self.column: values}
        std = (state.squares / state.count).clamp(min=self.eps).sqrt()
        if self.how == "clip":
            changed = values.double().clamp(state.mean - std, state.mean + std)
        elif self.how == "minmax":
            changed = (values.double() - state.lowest) / (state.highest - state.lowest).clamp(min=self.eps)
        else:
            changed = (values.double() - state.mean) / std
        return {self.column: changed.to(values.dtype)}

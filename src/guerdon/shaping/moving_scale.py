"""Components put on the scale of their own moving mean and standard deviation.

Idea
    Components of different sizes drown one another, and a batch's statistics are noisy. The first two moments follow
    the component as in PopArt, or average over the whole run.
Maths
    ``m <- m + a (mean(x) - m)``, ``q <- q + a (mean(x^2) - q)``, ``z = (x - m) / max(sqrt(q - m^2), least)``.
    With a decay d and t batches so far ``a = (1 - d) / (1 - d^t)``, so the first batch counts wholly and none is
    favoured by the zeros before it; without one ``a`` is the batch's share of all rows seen.
Reads
    The components named in ``of``.
Deviations
    Unscored rows enter no statistics and stay unscored. The batch is counted before it is scaled. The components
    stay; what is scaled stands under ``output``, which ``WeightedSum.of`` may name.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, table


class Moments(nn.Module):
    """First and second moments per component, batches and rows seen, in float64."""

    mean: Tensor
    square: Tensor
    batches: Tensor
    rows: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        for name in ("mean", "square", "batches", "rows"):
            self.register_buffer(name, torch.zeros(size, dtype=torch.float64))

    def add(self, values: Tensor, decay: float | None) -> None:
        """Follow ``values``, ``[row, component]``; NaN does not count."""
        known = values.isfinite()
        count = known.sum(0)
        seen = count > 0
        number = count.clamp(min=1)
        clean = torch.where(known, values.detach().double(), 0.0)
        self.rows += count
        self.batches += seen
        share = count / self.rows.clamp(min=1)
        rate = share if decay is None else (1 - decay) / (1 - decay ** self.batches.clamp(min=1))
        rate = torch.where(seen, rate, 0.0)
        self.mean += rate * (clean.sum(0) / number - self.mean)
        self.square += rate * (clean.square().sum(0) / number - self.square)


@dataclass(frozen=True)
class MovingScale(Transform):
    """``z = (x - m) / max(std, least)`` with moving moments of each component."""

    of: tuple[str, ...]
    """The components, by name."""
    decay: float | None = 0.99
    """How much of the moments stays with each batch; None: all rows of the run count alike."""
    center: bool = True
    """Whether to subtract the mean."""
    least: float = 1e-4
    """Smallest standard deviation to divide by."""
    output: str = "traj.scaled"
    """Writes ``<output>/<component>`` for each."""

    def __post_init__(self) -> None:
        check_names("MovingScale", "of", self.of)
        split_name(self.output)
        if not self.least > 0 or (self.decay is not None and not 0 <= self.decay < 1):
            raise GuerdonError(
                f"MovingScale needs decay in [0, 1) and least > 0, got decay={self.decay}, least={self.least}"
            )
        if any("." in name for name in self.of) or self.output == "traj.reward":
            raise GuerdonError(
                "MovingScale.of must name components without a level and output a column of its own, "
                f"got of={self.of}, output={self.output!r}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The components."""
        return tuple(f"traj.reward/{name}" for name in self.of)

    @property
    def writes(self) -> tuple[str, ...]:
        """The scaled components."""
        return tuple(f"{self.output}/{name}" for name in self.of)

    def init_state(self) -> nn.Module:
        """Nothing seen yet."""
        return Moments(len(self.of))

    def __call__(self, batch: Batch, state: Moments | None = None) -> Mapping[str, Column]:
        """The scaled components, ``[traj]``; without a state by the batch's own moments."""
        values = table(batch, self.of)
        state = Moments(len(self.of)).to(values.device) if state is None else state
        state.add(values, self.decay)
        std = (state.square - state.mean.square()).clamp(min=0).sqrt().clamp(min=self.least)
        scaled = ((values.double() - (state.mean if self.center else 0.0)) / std).to(values.dtype)
        return dict(zip(self.writes, scaled.unbind(1), strict=True))

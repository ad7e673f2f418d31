"""Data sources weighed by how slowly and how noisily their losses still fall (recap).

Idea
    A source whose loss falls fast looks after itself; one that stands still or rises, or jumps about, gets more weight.
Maths
    ``L_k = offset - mean reward`` of source k in a step. Over the last W steps mean mu and std sigma, over the W before
    mean mu~: ``c = mu / mu~``, ``i = sigma / (mu + mu~)``, ``s = trend c + noise i``,
    ``weight_k = K softmax(s / temperature)_k``. 1 until 2 W steps are there.
Reads
    ``traj.reward`` and the number of each trajectory's source. Writes ``traj.source_weight``: use it as
    ``RowWeight("traj.source_weight")``.
Deviations
    The code's alpha is ``trend=alpha, noise=1-alpha``; its annealing is left out. std is the population's. A source
    that a step lacks keeps its last loss; while one has never been seen, or where a ratio has no positive denominator,
    all weigh 1. The weight multiplies rows, so sources should be sampled alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


class LossHistory(nn.Module):
    """The losses of every source in the last steps, oldest first; NaN where none is known."""

    losses: Tensor

    def __init__(self, steps: int, sources: int) -> None:
        super().__init__()
        self.register_buffer("losses", torch.full((steps, sources), torch.nan, dtype=torch.float64))

    def add(self, losses: Tensor) -> Tensor:
        """Append a step's losses ``[source]``, NaN where missing, and return the history ``[step, source]``."""
        latest = torch.where(losses.isfinite(), losses, self.losses[-1])
        self.losses.copy_(torch.cat([self.losses[1:], latest[None]]))
        return self.losses


@dataclass(frozen=True)
class ProgressWeight(Transform):
    """``K softmax((trend mu / mu~ + noise sigma / (mu + mu~)) / temperature)`` per source."""

    sources: int
    """K: number of sources."""
    window: int = 10
    """W: steps in each of the two windows."""
    temperature: float = 5.0
    """T: larger is nearer to equal weights."""
    trend: float = 1.0
    """Weight of the ratio of the two means."""
    noise: float = 1.0
    """Weight of the relative spread."""
    offset: float = 1.0
    """Best mean reward, or more: losses have to stay positive."""
    column: str = "traj.source"
    """Number of a trajectory's source, from 0."""

    writes = ("traj.source_weight",)

    def __post_init__(self) -> None:
        if self.sources < 1 or self.window < 1 or not self.temperature > 0:
            raise GuerdonError(f"ProgressWeight needs positive sources, window and temperature, got {self}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and the source."""
        return ("traj.reward", self.column)

    @property
    def warmup_steps(self) -> int:
        """Steps without a full history, in which all weigh 1."""
        return 2 * self.window - 1

    @property
    def moot(self) -> str:
        """One source has nothing to be weighed against."""
        return "gives the weight 1 to everything: it has one source" if self.sources == 1 else ""

    def init_state(self) -> LossHistory:
        """No losses yet."""
        return LossHistory(2 * self.window, self.sources)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.source_weight``, ``[traj]``; adds the step to the history.

        Raises:
            GuerdonError: if a source's number is not below ``sources``.
        """
        reward, source = batch["traj.reward"], batch[f"traj.{split_name(self.column)[1]}"].long()
        if len(source) and not 0 <= int(source.min()) <= int(source.max()) < self.sources:
            raise GuerdonError(
                f"{self.column} must be numbers in 0..{self.sources - 1}, got {int(source.min())} to "
                f"{int(source.max())}; set ProgressWeight.sources"
            )
        scored = reward.isfinite()
        losses = self.offset - segment.mean(reward.double(), source, self.sources, scored)
        losses = torch.where(segment.count(source, self.sources, scored) > 0, losses, torch.nan)
        weight = self.weights(state.add(losses.to(state.losses.device)))
        return {"traj.source_weight": weight.to(reward)[source]}

    def weights(self, history: Tensor) -> Tensor:
        """The weights of a history of losses ``[2 W, source]``, ``[source]``, mean 1."""
        before, now = history[: self.window].mean(0), history[self.window :].mean(0)
        spread = history[self.window :].std(0, correction=0)
        if not bool(history.isfinite().all()) or bool((before <= 0).any() | (before + now <= 0).any()):
            return torch.ones_like(now)
        score = self.trend * now / before + self.noise * spread / (now + before)
        return self.sources * (score / self.temperature).softmax(0)

"""A model's score of the thinking, trusted as far as it agrees with the outcomes, and annealed away (trust_grpo).

Idea
    A judge that likes the reasoning of wrong answers better than that of right ones is not to be believed in this
    group; and no judge is needed at the end.
Maths
    ``t_i <- gamma alpha exp(-step / horizon) t_i`` with ``gamma = min(1, exp(mu_right - mu_wrong))``, the mean scores of
    the group's responses with outcome >= 0.5 and < 0.5; 0 where all outcomes are >= 0.9 or all <= 0.1.
Reads
    ``correct`` (an outcome in 0..1), ``score`` (a component, changed in place), ``run.step``.
Deviations
    The released code sets t = 0 below an outcome of 0.2, which makes mu_wrong about 0 and gamma about 1, against the
    idea: ``drop_below=0.2`` does that. A score that is missing adds nothing and is in no mean; if one side has no
    scored response, gamma is 1.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class TrustWeight(Transform):
    """``gamma alpha exp(-step / horizon) t``, gamma from how the score agrees with the outcome in the group."""

    alpha: float = 0.3
    """Weight of a score that is trusted, at the start."""
    horizon: float = 500.0
    """Steps in which the weight falls to 1/e; inf: never."""
    drop_below: float | None = None
    """Scores of responses with an outcome below this are taken as 0, in the means as well."""
    correct: str = "traj.reward/correct"
    """The outcome."""
    score: str = "traj.reward/thinking"
    """The component to weigh, in place."""

    def __post_init__(self) -> None:
        if not self.horizon > 0:
            raise GuerdonError(f"TrustWeight.horizon must be positive, got {self.horizon}")

    needs_peers = True

    @property
    def moot(self) -> str:
        """What its other settings take away."""
        if self.alpha == 0:
            return "gives nothing: its alpha is 0"
        if self.drop_below is not None and self.drop_below > 0:
            return (
                "trusts every score where outcomes are 0 and 1: drop_below sets those of wrong responses to 0, so that "
                "right ones never score less; leave it out"
            )
        return ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The score, the outcome and the step."""
        return (self.score, self.correct, "run.step")

    @property
    def writes(self) -> tuple[str, ...]:
        """The score."""
        return (self.score,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The weighed score, ``[traj]``, 0 where it was missing."""
        score, outcome = batch[self.score], batch[self.correct]
        index, size = batch.index("traj", "group"), batch.size("group")
        if self.drop_below is not None:
            score = torch.where(outcome < self.drop_below, torch.zeros_like(score), score)
        known, decided = score.isfinite(), outcome.isfinite()
        sides = [known & side for side in (outcome >= 0.5, outcome < 0.5)]
        high, low = (segment.mean(score, index, size, side) for side in sides)
        both = torch.stack([segment.count(index, size, side) for side in sides]).amin(0) > 0
        gamma = torch.where(both, (high - low).clamp(max=0).exp(), torch.ones_like(high))
        least = segment.min(outcome, index, size, decided)
        most = segment.max(outcome, index, size, decided)
        gamma = torch.where((least >= 0.9) | (most <= 0.1), torch.zeros_like(gamma), gamma)
        factor = self.alpha * math.exp(-int(batch["run.step"]) / self.horizon)
        return {self.score: torch.where(known, factor * gamma[index] * score, torch.zeros_like(score))}

"""Whether stated confidences mean what they say (rlcr).

Maths
    ECE ``sum_b (n_b / N) |acc_b - conf_b|`` over equal intervals of the confidence; Brier ``mean (q - c)^2``; AUROC: the
    chance that a right answer has more confidence than a wrong one, ties count half.
Reads
    Confidences in [0, 1] and whether the answers are right; rows may be weighted, and ``right`` may be a probability
    (each number is then the expectation over it).
Deviations
    A confidence on an edge belongs to the upper interval, 1 to the last. AUROC without both right and wrong answers
    is undefined: NaN, and not logged.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Metric

Numbers = Tensor | Sequence[float]


def _rows(confidence: Numbers, right: Numbers, weights: Numbers | None) -> tuple[Tensor, Tensor, Tensor]:
    q, c = (torch.as_tensor(each, dtype=torch.float64).flatten() for each in (confidence, right))
    w = torch.ones_like(q) if weights is None else torch.as_tensor(weights, dtype=torch.float64).flatten()
    if not len(q) == len(c) == len(w) or bool(((q < 0) | (q > 1) | q.isnan()).any()):
        raise GuerdonError(
            "calibration needs confidences in 0..1, one outcome and one weight each, "
            f"got {len(q)}, {len(c)} and {len(w)} numbers; leave out what has no confidence"
        )
    return q, c, w / w.sum().clamp(min=1e-300)


def ece(confidence: Numbers, right: Numbers, bins: int = 10, weights: Numbers | None = None) -> float:
    """Expected calibration error; NaN without rows.

    Raises:
        GuerdonError: if a confidence lies outside 0..1, or the lengths differ.
    """
    q, c, w = _rows(confidence, right, weights)
    if not len(q):
        return math.nan
    # The small shift keeps 0.3 * 10 = 2.9999999999999996 in its interval.
    index = (q * bins + 1e-9).long().clamp(max=bins - 1)
    return float(segment.sum(w * (c - q), index, bins).abs().sum())


def brier(confidence: Numbers, right: Numbers, weights: Numbers | None = None) -> float:
    """Mean squared error of the confidences; NaN without rows.

    Raises:
        GuerdonError: if a confidence lies outside 0..1, or the lengths differ.
    """
    q, c, w = _rows(confidence, right, weights)
    return float((w * (q.square() - 2 * q * c + c)).sum()) if len(q) else math.nan


def auroc(confidence: Numbers, right: Numbers, weights: Numbers | None = None) -> float:
    """Chance that a right answer has the higher confidence; NaN without both kinds.

    Raises:
        GuerdonError: if a confidence lies outside 0..1, or the lengths differ.
    """
    q, c, w = _rows(confidence, right, weights)
    levels, index = q.unique(return_inverse=True)
    good, bad = (segment.sum(part, index, len(levels)) for part in (w * c, w * (1 - c)))
    pairs = good.sum() * bad.sum()
    below = bad.cumsum(0) - bad / 2
    return float((good * below).sum() / pairs) if float(pairs) > 0 else math.nan


@dataclass(frozen=True)
class Calibration(Metric):
    """Logs ``ece``, ``brier``, ``auroc``, the mean ``confidence`` and the share of responses that state none."""

    bins: int = 10
    """Intervals of the ECE."""
    confidence: str = "traj.confidence"
    """Stated confidences, NaN where there is none."""
    correct: str = "traj.reward/correct"
    """The outcome in 0..1."""

    def __post_init__(self) -> None:
        if self.bins < 1:
            raise GuerdonError(f"Calibration.bins must be at least 1, got {self.bins}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Confidence and outcome."""
        return (self.confidence, self.correct)

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """The numbers that are defined for this batch."""
        q, c = batch[self.confidence], batch[self.correct]
        if not len(q):
            return {}
        both = q.isfinite() & c.isfinite()
        q, c, silent = q[both], c[both], float(q.isnan().float().mean())
        got = {"ece": ece(q, c, self.bins), "brier": brier(q, c), "auroc": auroc(q, c)}
        got["confidence"] = float(q.mean()) if len(q) else math.nan
        return {"no_confidence": silent, **{name: value for name, value in got.items() if not math.isnan(value)}}

"""95% intervals over problems, for numbers of many kinds and for their differences, by one bootstrap.

Idea
    The problems are what is drawn at random, so an interval comes from drawing them again: every draw is a weight per
    problem, and a statistic is a function of weights. Two statistics under the same draws are paired, which is what
    makes the interval of a difference narrow where both policies find the same problems hard.
Maths
    Percentile bootstrap: the 2.5% and 97.5% quantiles of the statistic over draws of n problems out of n with
    replacement. ``Ratio`` is ``sum_i w_i a_i / sum_i w_i b_i``.
Reads
    Per problem whatever the statistic keeps.
Deviations
    The responses to a problem are not drawn again. The chance in them is in the spread between problems, so a mean's
    interval covers it; what is not a mean, the ECE above all, is biased by it, and so are its draws.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from guerdon.rng import Stream

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights ``[draws, problems]`` -> values ``[draws]``; NaN where undefined."""


@dataclass(frozen=True)
class Estimate:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """Plain data."""
        return {"value": self.value, "low": self.low, "high": self.high}


def draws_of(problems: int, stream: Stream, draws: int = 2000) -> np.ndarray:
    """Weights ``[draws, problems]``: how often each problem is in each draw."""
    generator = np.random.default_rng(stream.integer())
    chosen = generator.integers(0, problems, (draws, problems)) + problems * np.arange(draws)[:, None]
    return np.bincount(chosen.ravel(), minlength=draws * problems).reshape(draws, problems).astype(np.float64)


def estimate(statistic: Statistic, weights: np.ndarray) -> Estimate:
    """The value on all problems and the interval over the draws; undefined draws are left out."""
    value = float(statistic(np.ones((1, weights.shape[1])))[0])
    return Estimate(value, *interval(statistic(weights)))


def interval(values: np.ndarray) -> tuple[float, float]:
    """2.5% and 97.5% quantile of the values that are defined; NaN without any."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)


def difference(new: Statistic, base: Statistic) -> Statistic:
    """New less base, paired: both are given the same draws."""
    return lambda weights: new(weights) - base(weights)


class Ratio:
    """``sum w a / sum w b`` over problems: a mean of means for ``b = 1``, a pooled mean for counts."""

    def __init__(self, top: Sequence[float], bottom: Sequence[float] | None = None) -> None:
        """``bottom``: None for 1 where ``top`` is defined, so that undefined problems are left out."""
        self.top = np.asarray(top, dtype=np.float64)
        defined = np.isfinite(self.top)
        self.bottom = defined.astype(np.float64) if bottom is None else np.asarray(bottom, dtype=np.float64)
        self.top = np.where(defined, self.top, 0.0)

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """One value per draw."""
        bottom = weights @ self.bottom
        return np.where(bottom > 0, weights @ self.top, np.nan) / np.where(bottom > 0, bottom, 1.0)


class ByDraw:
    """A statistic of all samples together that has no short form: a function of one weight per sample, for each draw."""

    def __init__(self, problem_of: Sequence[int], function: Callable[[np.ndarray], float]) -> None:
        self.problem_of, self.function = np.asarray(problem_of, dtype=np.int64), function

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """One value per draw."""
        return np.array([self.function(row[self.problem_of]) for row in weights])


def weighted_median(values: Sequence[float]) -> Callable[[np.ndarray], float]:
    """The median of ``values`` under weights, the mean of two where the weight splits evenly; NaN without weight."""
    data = np.asarray(values, dtype=np.float64)
    order = np.argsort(data, kind="stable")
    data = data[order]

    def median(weights: np.ndarray) -> float:
        upto = np.cumsum(weights[order])
        if not len(upto) or upto[-1] <= 0:
            return math.nan
        half = upto[-1] / 2
        return float((data[np.searchsorted(upto, half)] + data[np.searchsorted(upto, half, side="right")]) / 2)

    return median

"""The stratified bootstrap: runs are drawn anew within each task, and the interval is that of the resamples.

Maths
    A resample draws, for each task on its own, N of its N runs with replacement. The percentile interval of a statistic at
    level 1 - a lies between the a/2 and 1 - a/2 quantiles of its resamples. Two methods that were run with the same seeds
    are compared on the same drawn runs (paired), otherwise each on its own.
    With few runs that interval is too short: resamples spread ``sqrt((N-1)/N)`` as wide as they should, and the spread is
    itself an estimate. ``stretched`` multiplies both arms by ``sqrt(N/(N-1)) t / z`` with Student's and the normal
    quantile at 1 - a/2 and M (N-1) degrees of freedom; it tends to the percentile interval as N grows.
Reads
    Scores ``[runs, tasks]`` and the drawn runs ``[draws, runs, tasks]``.
Deviations
    The percentile interval is rliable's. ``stretched`` is this library's: for means over one task it has the width of
    Student's interval, and ``tests/comparison`` measures how often it is wrong.
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from guerdon.metrics.aggregates import Scores
from guerdon.metrics.student import quantile
from guerdon.rng import Stream

Drawn = NDArray[np.intp]
BLOCK = 2_000_000
"""Scores that are in memory at a time."""


def draw(stream: Stream, draws: int, runs: int, tasks: int) -> Drawn:
    """Which run stands in each place of each resample, ``[draws, runs, tasks]``."""
    return np.random.default_rng(stream.integer()).integers(0, runs, (draws, runs, tasks), dtype=np.intp)


def take(scores: Scores, drawn: Drawn) -> Scores:
    """The resamples, ``[draws, runs, tasks]``."""
    tasks = scores.shape[1]
    return scores.reshape(-1).take(drawn * tasks + np.arange(tasks))


def counts(drawn: Drawn, runs: int) -> Scores:
    """How often each run was drawn, ``[draws, tasks, runs]``: all that a mean over the runs needs to know."""
    draws, _, tasks = drawn.shape
    cell = np.arange(draws)[:, None, None] * tasks + np.arange(tasks)
    found = np.bincount((cell * runs + drawn).reshape(-1), minlength=draws * tasks * runs)
    return found.reshape(draws, tasks, runs).astype(np.float64)


def resampled(statistic: Callable[[Scores], Scores], scores: Scores, drawn: Drawn) -> Scores:
    """The statistic of every resample, ``[draws, ...]``."""
    size = max(BLOCK // max(scores.size, 1), 1)
    parts = [statistic(take(scores, drawn[start : start + size])) for start in range(0, len(drawn), size)]
    return np.concatenate(parts)


def percentile_interval(values: Scores, level: float = 0.95) -> tuple[Scores, Scores]:
    """Lower and upper end from the resamples of a statistic, ``[draws, ...]``."""
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def stretched(
    value: float, interval: tuple[float, float], runs: int, tasks: int, level: float = 0.95
) -> tuple[float, float]:
    """The interval with the width that few runs ask for; the whole line with one run."""
    if runs < 2:
        return -math.inf, math.inf
    factor = math.sqrt(runs / (runs - 1)) * quantile((1 + level) / 2, tasks * (runs - 1))
    factor /= NormalDist().inv_cdf((1 + level) / 2)
    return value - factor * (value - interval[0]), value + factor * (interval[1] - value)


__all__ = ["counts", "draw", "percentile_interval", "resampled", "stretched", "take"]

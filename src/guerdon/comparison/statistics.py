"""All numbers of a comparison from its scores: aggregates, pairs of methods, profiles and bands, with intervals.

Idea
    All methods are resampled on the same drawn runs, because they were run with the same seeds.
Maths
    Aggregates, profiles and bands have rliable's percentile intervals at 95%. A pair of methods has, for the difference of
    the interquartile means and for P(improvement), the percentile interval at 95% and the interval that decides: at level
    ``1 - 0.05 / m`` for m comparisons made at once (Bonferroni), stretched for few runs (``metrics/stratified.py``).
Reads
    Scores ``[methods, runs, tasks]``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guerdon.metrics.aggregates import aggregates, interquartile_mean
from guerdon.metrics.improvement import improvement_resampled, probability_of_improvement, separation_bound
from guerdon.metrics.profiles import average_profile, average_profile_resampled, run_profile, run_profile_resampled
from guerdon.metrics.stratified import Drawn, draw, percentile_interval, resampled, stretched
from guerdon.rng import Stream

Numbers = NDArray[np.float64]
Interval = tuple[float, float]
LEVEL = 0.95
POWER = 0.8
"""Chance with which the needed seeds are to show a difference of the size seen."""
THRESHOLDS = 61
"""Places at which a profile is given."""


@dataclass(frozen=True)
class Estimate:
    """A number with its intervals."""

    value: float
    percentile: Interval
    """At 95%, as rliable has it."""
    interval: Interval
    """The one that decides: for several comparisons and few runs."""


@dataclass(frozen=True)
class Pair:
    """One method against another."""

    ours: int
    theirs: int
    difference: Estimate
    """Of the interquartile means, ours - theirs."""
    improvement: Estimate
    """P(a run of ours beats a run of theirs)."""
    same: bool
    """Whether every run has the same score as the other method's with its seed."""
    least: int
    """Seeds below which nothing can be said."""
    needed: float
    """Seeds that would show a difference of this size, roughly; infinite where there is none."""


def drawn_for(scores: Numbers, draws: int, seed: int = 0) -> Drawn:
    """The runs of every resample for scores ``[methods, runs, tasks]``."""
    return draw(Stream((seed, "compare")), draws, scores.shape[1], scores.shape[2])


def summary(scores: Numbers, drawn: Drawn, gamma: float) -> dict[str, dict[str, float]]:
    """Every aggregate of one method's scores ``[runs, tasks]``."""
    found = {}
    for name, function in aggregates(gamma).items():
        low, high = interval95(resampled(function, scores, drawn), len(scores))
        found[name] = {"value": float(function(scores)), "low": low, "high": high}
    return found


def interval95(samples: Numbers, runs: int) -> Interval:
    """The percentile interval; one run says nothing about the spread."""
    if runs < 2:
        return -math.inf, math.inf
    low, high = percentile_interval(samples, LEVEL)
    return float(low), float(high)


def pair(scores: Numbers, drawn: Drawn, ours: int, theirs: int, comparisons: int) -> Pair:
    """One method against another, as one of so many comparisons."""
    left, right = scores[ours], scores[theirs]
    gain = resampled(interquartile_mean, left, drawn) - resampled(interquartile_mean, right, drawn)
    chance = improvement_resampled(left, right, drawn, drawn)
    difference = estimate(float(interquartile_mean(left) - interquartile_mean(right)), gain, left.shape, comparisons)
    improvement = estimate(probability_of_improvement(left, right), chance, left.shape, comparisons)
    low, high = improvement.interval
    # What is less than certain must not have a surer bound than what looks certain.
    bound = separation_bound(len(left), left.shape[1], level_of(comparisons))
    chance_interval = (max(min(low, bound), 0.0), min(max(high, 1 - bound), 1.0))
    return Pair(
        ours,
        theirs,
        difference,
        Estimate(improvement.value, improvement.percentile, chance_interval),
        bool((left == right).all()),
        least_seeds(left.shape[1], comparisons),
        needed(difference.value, float(gain.std()), len(left), comparisons),
    )


def level_of(comparisons: int) -> float:
    """Of each of so many intervals, for all of them to hold at 95% (Bonferroni)."""
    return 1 - (1 - LEVEL) / max(comparisons, 1)


def least_seeds(tasks: int, comparisons: int) -> int:
    """Seeds below which even complete separation happens by chance too often: ``2 C(2n, n)^-tasks > 0.05 / comparisons``."""
    return next(n for n in range(2, 100) if 2 * math.comb(2 * n, n) ** -tasks <= 1 - level_of(comparisons))


def estimate(value: float, samples: Numbers, shape: tuple[int, ...], comparisons: int) -> Estimate:
    """A number of scores of this shape ``[runs, tasks]``, with its resamples."""
    level = level_of(comparisons)
    ends = percentile_interval(samples, level)
    wide = stretched(value, (float(ends[0]), float(ends[1])), shape[0], shape[1], level)
    return Estimate(value, interval95(samples, shape[0]), wide)


def needed(difference: float, spread: float, runs: int, comparisons: int) -> float:
    """Runs per task after which a difference of this size shows with a chance of 80%, by the spread of its resamples.

    ``n (z_level + z_power)^2 s^2 / d^2`` with ``s^2`` what n runs leave; rough, because both are estimates.
    """
    if runs < 2 or difference == 0:
        return math.inf
    level = level_of(comparisons)
    reach = NormalDist().inv_cdf((1 + level) / 2) + NormalDist().inv_cdf(POWER)
    return runs * runs / (runs - 1) * (reach * spread / difference) ** 2


def profiles(scores: Numbers, drawn: Drawn) -> dict[str, Any]:
    """Both profiles of all methods at common thresholds, with their bands."""
    low, high = float(scores.min()), float(scores.max())
    pad = 0.02 * (high - low) or 0.5
    at = np.linspace(low - pad, high + pad, THRESHOLDS)
    kinds: dict[str, tuple[Callable[..., Numbers], Callable[..., Numbers]]] = {
        "runs": (run_profile, run_profile_resampled),
        "averages": (average_profile, average_profile_resampled),
    }
    found: dict[str, Any] = {"thresholds": at.tolist()}
    for kind, (point, samples) in kinds.items():
        found[kind] = [band(point(one, at), samples(one, at, drawn)) for one in scores]
    return found


def iqm_band(values: Numbers, drawn: Drawn) -> dict[str, list[float]]:
    """Interquartile mean over runs and tasks at each point of curves ``[runs, tasks, points]``, with its band."""
    columns = [values[..., number] for number in range(values.shape[-1])]
    points = np.array([float(interquartile_mean(column)) for column in columns])
    samples = [resampled(interquartile_mean, column, drawn) for column in columns]
    return band(points, np.stack(samples, axis=1) if samples else np.zeros((len(drawn), 0)))


def band(points: Numbers, samples: Numbers) -> dict[str, list[float]]:
    """Values and the ends of their percentile intervals."""
    low, high = percentile_interval(samples, LEVEL)
    return {"value": points.tolist(), "low": low.tolist(), "high": high.tolist()}


def pairs(count: int) -> Sequence[tuple[int, int]]:
    """All pairs of so many methods, the later one first."""
    return [(later, earlier) for later in range(count) for earlier in range(later)]


__all__ = ["Estimate", "Pair", "drawn_for", "iqm_band", "least_seeds", "pair", "pairs", "profiles", "summary"]

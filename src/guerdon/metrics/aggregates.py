"""One number for a method's scores over several runs and tasks (Agarwal et al., 2021).

Maths
    Of scores ``x[n, m]`` of N runs on M tasks, with ``mean_m`` the mean over the runs on task m:
    mean ``= mean over m of mean_m``; median ``= median over m of mean_m``;
    interquartile mean (IQM) ``=`` mean of what is left of all N M scores without the floor(N M / 4) lowest and as many
    highest; optimality gap ``= gamma - mean of min(x, gamma)``: how far the scores fall short of gamma.
Reads
    Scores ``[..., runs, tasks]``; axes in front are kept, so that many resamples go through one call.
Deviations
    None. The definitions of the rliable package, whose trimmed mean is scipy's.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


def mean(scores: Scores) -> Scores:
    """Mean over the tasks of the mean over the runs."""
    return scores.mean(-2).mean(-1)


def median(scores: Scores) -> Scores:
    """Median over the tasks of the mean over the runs; with one task it is the mean."""
    return np.asarray(np.median(scores.mean(-2), axis=-1))


def interquartile_mean(scores: Scores) -> Scores:
    """Mean of the middle half of all scores."""
    flat = scores.reshape(*scores.shape[:-2], -1)
    count = flat.shape[-1]
    cut = count // 4
    if cut:
        # numpy sorts with vector instructions and partitions around two places without: four times slower.
        flat = np.sort(flat, axis=-1)[..., cut : count - cut]
    return flat.mean(-1)


def optimality_gap(scores: Scores, gamma: float = 1.0) -> Scores:
    """How far the scores fall short of ``gamma`` on average; what lies above it counts as ``gamma``."""
    return gamma - np.minimum(scores, gamma).mean((-2, -1))


def aggregates(gamma: float) -> dict[str, Callable[[Scores], Scores]]:
    """All of them by name."""
    return {
        "iqm": interquartile_mean,
        "mean": mean,
        "median": median,
        "optimality_gap": lambda scores: optimality_gap(scores, gamma),
    }


__all__ = ["aggregates", "interquartile_mean", "mean", "median", "optimality_gap"]

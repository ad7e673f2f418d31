"""Performance profiles: which share of the runs gets beyond each score (Agarwal et al., 2021).

Maths
    Run-score distribution ``F(tau) = 1/(N M) sum_nm [x_nm > tau]``; average-score distribution
    ``F(tau) = 1/M sum_m [mean_m > tau]``. The former has the smaller variance and does not hide bad runs behind good ones.
Reads
    Scores ``[runs, tasks]`` and thresholds ``[thresholds]``.
Deviations
    None. With one task the average-score distribution is a single step, and says nothing that the mean does not.
"""

import numpy as np

from guerdon.metrics.aggregates import Scores
from guerdon.metrics.stratified import Drawn, counts, resampled


def run_profile(scores: Scores, thresholds: Scores) -> Scores:
    """Share of all runs above each threshold, ``[thresholds]``."""
    return (scores[:, :, None] > thresholds).mean((0, 1))


def average_profile(scores: Scores, thresholds: Scores) -> Scores:
    """Share of the tasks whose mean over the runs is above each threshold, ``[..., thresholds]``."""
    return (scores.mean(-2)[..., None] > thresholds).mean(-2)


def run_profile_resampled(scores: Scores, thresholds: Scores, drawn: Drawn) -> Scores:
    """The run-score distribution of every resample, ``[draws, thresholds]``."""
    above = (scores.T[:, :, None] > thresholds).reshape(scores.size, -1)
    drawn_counts = counts(drawn, len(scores)).reshape(len(drawn), -1)
    return drawn_counts @ above.astype(np.float64) / scores.size


def average_profile_resampled(scores: Scores, thresholds: Scores, drawn: Drawn) -> Scores:
    """The average-score distribution of every resample, ``[draws, thresholds]``."""
    return resampled(lambda samples: average_profile(samples, thresholds), scores, drawn)


__all__ = ["average_profile", "average_profile_resampled", "run_profile", "run_profile_resampled"]

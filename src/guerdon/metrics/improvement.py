"""How likely a run of one method is to beat a run of another (Agarwal et al., 2021).

Maths
    ``P(X > Y) = mean over tasks of 1/(N K) sum_ij S(x_i, y_j)`` with S = 1 for a win, 1/2 for a tie, 0 for a loss: the
    Mann-Whitney statistic over the number of pairs. 1/2 means that neither is better.
    If all N runs of one side beat all N of the other on every task, no resample differs, and still P may be below 1. Where
    the two differ by the power of a distribution function (Lehmann), ``P = 1/(1 + r)``, and complete separation on M tasks
    has the probability ``C(N + r N, N)^-M``; the bound is the P at which that is a/2 (at P = 1/2 it is ``C(2N, N)^-M``).
    In a resample run i of X was drawn ``c_i`` times and run j of Y ``d_j`` times, so it is ``c' S d / (N K)``.
Reads
    Scores ``[runs, tasks]`` of two methods on the same tasks; they may have different numbers of runs.
Deviations
    The bound for separated runs is this library's. All pairs of runs are
    compared, also of different seeds; pairing by seed shows in how the runs are drawn.
"""

import math

from guerdon.errors import GuerdonError
from guerdon.metrics.aggregates import Scores
from guerdon.metrics.stratified import Drawn, counts


def wins(ours: Scores, theirs: Scores) -> Scores:
    """1, 1/2 or 0 for every pair of runs on a task, ``[tasks, runs, runs]``.

    Raises:
        GuerdonError: if the tasks are not the same in number, or a side has no runs.
    """
    if ours.shape[1] != theirs.shape[1] or not ours.size or not theirs.size:
        raise GuerdonError(
            f"improvement needs scores [runs, tasks] on the same tasks, got {list(ours.shape)} and {list(theirs.shape)}"
        )
    x, y = ours.T[:, :, None], theirs.T[:, None, :]
    return (x > y) + 0.5 * (x == y)


def probability_of_improvement(ours: Scores, theirs: Scores) -> float:
    """P(a run of ours beats a run of theirs), averaged over the tasks."""
    return float(wins(ours, theirs).mean((1, 2)).mean())


def improvement_resampled(ours: Scores, theirs: Scores, drawn: Drawn, drawn_theirs: Drawn) -> Scores:
    """The same for every resample, ``[draws]``; give ``drawn`` twice for a paired comparison."""
    table = wins(ours, theirs)
    left = counts(drawn, len(ours)).transpose(1, 0, 2)
    right = left if drawn_theirs is drawn else counts(drawn_theirs, len(theirs)).transpose(1, 0, 2)
    pairs = ((left @ table) * right).sum(2)
    return pairs.mean(0) / (len(ours) * len(theirs))


def separation_bound(runs: int, tasks: int, level: float = 0.95) -> float:
    """Lower end of an interval for P when every run of one side beat every run of the other on every task."""
    wanted = -math.log((1 - level) / 2) / tasks
    low, high = 0.0, 1.0
    while log_choose(runs, high * runs) < wanted:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if log_choose(runs, middle * runs) < wanted else (low, middle)
    return 1 / (1 + (low + high) / 2)


def log_choose(whole: int, more: float) -> float:
    """``log C(whole + more, whole)`` for any ``more >= 0``."""
    return math.lgamma(whole + more + 1) - math.lgamma(whole + 1) - math.lgamma(more + 1)


__all__ = ["improvement_resampled", "probability_of_improvement", "separation_bound", "wins"]

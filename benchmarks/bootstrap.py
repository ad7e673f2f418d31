"""Statistics of a comparison, against the rliable package on the same scores: how fast, and how far apart.

Every statistic is computed by both in turn, several times; the seconds are medians. Three differences are shown: of the
point estimates; of the interval ends when both see the same resamples, which must vanish up to rounding; and, for scale,
of the interval ends when each draws its own, which is Monte Carlo error and as large between two runs of rliable.

    python benchmarks/bootstrap.py [--runs 10] [--tasks 26] [--draws 2000] [--repeats 3] [--json]
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rliable import library, metrics

from guerdon.metrics import aggregates, improvement, profiles, stratified
from guerdon.rng import Stream

EXACT = 1e-12
THRESHOLDS = np.linspace(-1.0, 2.0, 61)
Pair = tuple[np.ndarray, np.ndarray]
"""Point estimate and interval ends ``[2, ...]``."""


def rliable_indices(seed: int, runs: int, tasks: int, draws: int, arrays: int) -> list[np.ndarray]:
    """What rliable draws after ``numpy.random.seed(seed)``: the arrays in turn in each resample."""
    np.random.seed(seed)
    drawn = np.stack([np.random.choice(runs, (runs, tasks), replace=True) for _ in range(draws * arrays)])
    return [drawn[number::arrays] for number in range(arrays)]


def theirs(function: Callable, scores: Any, draws: int) -> Pair:
    """rliable's point estimate and interval."""
    points, intervals = library.get_interval_estimates({"method": scores}, function, reps=draws)
    return np.asarray(points["method"]), np.asarray(intervals["method"])


class Case:
    """One statistic, as both compute it."""

    def __init__(self, name: str, ours: Callable[[list[np.ndarray]], Pair], function: Callable, scores: Any) -> None:
        self.name, self.ours, self.function, self.scores = name, ours, function, scores


def interval(values: np.ndarray) -> np.ndarray:
    return np.stack(stratified.percentile_interval(values))


def cases(x: np.ndarray, y: np.ndarray) -> list[Case]:
    def aggregate(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[list[np.ndarray]], Pair]:
        return lambda drawn: (np.array([function(x)]), interval(stratified.resampled(function, x, drawn[0])[:, None]))

    def improved(drawn: list[np.ndarray]) -> Pair:
        values = improvement.improvement_resampled(x, y, *drawn)
        return np.array([improvement.probability_of_improvement(x, y)]), interval(values[:, None])

    def profile(drawn: list[np.ndarray]) -> Pair:
        return profiles.run_profile(x, THRESHOLDS), interval(profiles.run_profile_resampled(x, THRESHOLDS, drawn[0]))

    def averages(drawn: list[np.ndarray]) -> Pair:
        values = profiles.average_profile_resampled(x, THRESHOLDS, drawn[0])
        return profiles.average_profile(x, THRESHOLDS), interval(values)

    listed = {
        "interquartile mean": (aggregates.interquartile_mean, metrics.aggregate_iqm),
        "mean": (aggregates.mean, metrics.aggregate_mean),
        "median": (aggregates.median, metrics.aggregate_median),
        "optimality gap": (aggregates.optimality_gap, metrics.aggregate_optimality_gap),
    }
    found = [
        Case(name, aggregate(ours), lambda s, f=function: np.array([f(s)]), x)
        for name, (ours, function) in listed.items()
    ]
    better = metrics.probability_of_improvement
    found.append(Case("P(improvement)", improved, lambda a, b: np.array([better(a, b)]), [x, y]))
    found.append(Case("run profile", profile, lambda s: library.score_distributions(s, THRESHOLDS), x))
    found.append(Case("average profile", averages, lambda s: library.average_score_distributions(s, THRESHOLDS), x))
    return found


def measure(case: Case, shape: tuple[int, int], draws: int, repeats: int) -> dict[str, Any]:
    """Seconds of both, in turns, and the largest differences."""
    ours, other = [], []
    arrays = len(case.scores) if isinstance(case.scores, list) else 1
    fresh = theirs_fresh = None
    for repeat in range(repeats):
        started = time.perf_counter()
        drawn = [stratified.draw(Stream((repeat, number)), draws, *shape) for number in range(arrays)]
        fresh = case.ours(drawn)
        ours.append(time.perf_counter() - started)
        # P(improvement) takes rliable so long that it is timed once.
        if repeat == 0 or sum(other) < 10:
            np.random.seed(repeat)
            started = time.perf_counter()
            theirs_fresh = theirs(case.function, case.scores, draws)
            other.append(time.perf_counter() - started)
            seed = repeat
    assert fresh is not None and theirs_fresh is not None
    same = case.ours(rliable_indices(seed, *shape, draws, arrays))
    return {
        "ours_s": statistics.median(ours),
        "rliable_s": statistics.median(other),
        "point": float(np.abs(same[0] - theirs_fresh[0]).max()),
        "ends_same_resamples": float(np.abs(same[1] - theirs_fresh[1]).max()),
        "ends_own_resamples": float(np.abs(fresh[1] - theirs_fresh[1]).max()),
    }


def main() -> int:
    """Measure; exit 1 if the numbers are not the same or ours is slower."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--tasks", type=int, default=26)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    shape = (options.runs, options.tasks)
    level = generator.normal(0.5, 0.5, options.tasks)
    # Rounded, so that there are ties.
    x, y = (np.round(level + shift + 0.3 * generator.standard_normal(shape), 2) for shift in (0.05, 0.0))
    found = {case.name: measure(case, shape, options.draws, options.repeats) for case in cases(x, y)}
    if options.json:
        print(json.dumps({"runs": shape[0], "tasks": shape[1], "draws": options.draws, "statistics": found}))
    else:
        print(f"{shape[0]} runs x {shape[1]} tasks, {options.draws} resamples, medians of {options.repeats}")
        print(f"{'':20} {'guerdon':>9} {'rliable':>9} {'':>7}   largest difference of")
        print(f"{'':20} {'':>9} {'':>9} {'':>7}   {'point':>8} {'ends, same':>11} {'ends, own resamples':>20}")
        for name, row in found.items():
            print(
                f"{name:20} {1000 * row['ours_s']:6.1f} ms {1000 * row['rliable_s']:6.0f} ms"
                f" {row['rliable_s'] / row['ours_s']:6.0f}x   {row['point']:8.1e}"
                f" {row['ends_same_resamples']:11.1e} {row['ends_own_resamples']:20.1e}"
            )
        total = [sum(row[key] for row in found.values()) for key in ("ours_s", "rliable_s")]
        print(f"{'all':20} {1000 * total[0]:6.1f} ms {1000 * total[1]:6.0f} ms {total[1] / total[0]:6.0f}x")
    worst = max(max(row["point"], row["ends_same_resamples"]) for row in found.values())
    return int(worst > EXACT or any(row["ours_s"] > row["rliable_s"] for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())

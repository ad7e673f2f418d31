"""Whether evaluation measures what it says: estimators against all subsets, and how often intervals hold the truth.

    python benchmarks/evaluation.py [--json]

1. pass@k, maj@k, best-of-k and different answers among k, of random problems with 2 to 9 samples, against the mean over
   all subsets: the largest difference.
2. 95% intervals of 100 problems with 16 samples each, over repeated draws of problems and samples from a known
   population: the share of intervals that hold the value of the whole population, and the mean width.
"""

import argparse
import itertools
import json
import random
import time
from collections import Counter

import numpy as np

from guerdon.evals.measures import statistics_of
from guerdon.evals.pool import Pool
from guerdon.metrics.best_of_n import best_of_n
from guerdon.metrics.distinct import distinct_at_k
from guerdon.metrics.majority import majority_at_k
from guerdon.metrics.over_problems import difference, draws_of, estimate
from guerdon.metrics.pass_at_k import pass_at_k
from guerdon.rng import Stream
from guerdon.tasks.problem import Problem

SHOWN = {
    "pass@1": ("pass_at", "1"),
    "pass@8": ("pass_at", "8"),
    "maj@8": ("majority_at", "8"),
    "best of 8": ("best_of", "reward", "8"),
    "different answers of 8": ("diversity", "distinct_at", "8"),
    "AUROC": ("calibration", "stated", "auroc"),
    "Brier": ("calibration", "stated", "brier"),
    "ECE": ("calibration", "stated", "ece"),
    "ECE if calibrated": ("calibration", "token", "ece"),
}
FAMILIES = ("pass_at", "majority_at", "best_of", "calibration", "diversity")


def against_subsets(problems: int) -> dict[str, float]:
    """Largest difference of each estimator from the mean over all subsets."""
    draw, worst = random.Random(0), Counter()
    for _ in range(problems):
        n = draw.randint(2, 9)
        k = draw.randint(1, n)
        answers = [draw.choice([None, "a", "b", "c", "d"]) for _ in range(n)]
        right = [float(draw.random() < 0.4) for _ in range(n)]
        scores = [float(draw.randint(0, 3)) for _ in range(n)]
        subsets = list(itertools.combinations(range(n), k))
        worth = {a: np.mean([c for b, c in zip(answers, right, strict=True) if a == b]) for a in answers}
        found = {
            "pass@k": (pass_at_k(n, int(sum(right)), k), [max(right[i] for i in s) for s in subsets]),
            "maj@k": (majority_at_k(answers, right, k), [_vote([answers[i] for i in s], worth) for s in subsets]),
            "best of k": (best_of_n(scores, right, k), [_best([(scores[i], right[i]) for i in s]) for s in subsets]),
            "different": (distinct_at_k(answers, k), [len({answers[i] for i in s} - {None}) for s in subsets]),
        }
        for name, (value, each) in found.items():
            worst[name] = max(worst[name], abs(value - float(np.mean(each))))
    return dict(worst)


def _vote(answers: list, worth: dict) -> float:
    votes = Counter(answer for answer in answers if answer is not None)
    top = [worth[answer] for answer, count in votes.items() if count == max(votes.values())]
    return float(np.mean(top)) if top else 0.0


def _best(pairs: list[tuple[float, float]]) -> float:
    return float(np.mean([right for score, right in pairs if score == max(s for s, _ in pairs)]))


def population(generator: np.random.Generator, problems: int, shift: float, hard: np.ndarray) -> list[Pool]:
    """Problems of a difficulty, wrong answers that repeat, a reward that knows a little, and two confidences.

    The stated one knows a little, the mean token probability is the chance to be right.
    """
    pools = []
    for number in range(problems):
        p = 1 / (1 + np.exp(-(hard[number] + shift)))
        right = (generator.random(16) < p).astype(float)
        answers = [0 if c else int(1 + generator.geometric(0.5)) for c in right]
        reward = right + generator.normal(0, 1, 16)
        stated = np.clip(0.5 * p + 0.25 + 0.1 * right + generator.normal(0, 0.1, 16), 0, 1)
        pool = Pool(
            str(number), Problem(number, "?"), ["?"] * 16, [1.0] * 16, right=right.tolist(), answers=answers,
            stated=stated.tolist(), scores={"reward": reward.tolist(), "logprob": [float(np.log(p))] * 16},
        )  # fmt: skip
        pools.append(pool)
    return pools


def numbers_of(pools: list[Pool], base: list[Pool], weights: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """Value and interval of all that is shown."""
    new, old = statistics_of(pools, (1, 8), FAMILIES), statistics_of(base, (1, 8), ("pass_at",))
    chosen = {name: new[path] for name, path in SHOWN.items()}
    chosen["gain of pass@1, paired"] = difference(new["pass_at", "1"], old["pass_at", "1"])
    return {name: (e.value, e.low, e.high) for name, s in chosen.items() for e in [estimate(s, weights)]}


def coverage(repeats: int, problems: int = 100) -> dict[str, dict[str, float]]:
    """How often each interval holds what a population of 20,000 problems says."""
    generator = np.random.default_rng(0)

    def both(count: int) -> tuple[list[Pool], list[Pool]]:
        hard = generator.normal(0, 2, count)
        return population(generator, count, 0.5, hard), population(generator, count, 0.0, hard)

    truth = {name: value for name, (value, _, _) in numbers_of(*both(20_000), np.ones((1, 20_000))).items()}
    held, width = Counter(), Counter()
    for number in range(repeats):
        found = numbers_of(*both(problems), draws_of(problems, Stream((number,)), 400))
        for name, (_, low, high) in found.items():
            held[name] += low <= truth[name] <= high
            width[name] += high - low
    return {
        name: {"truth": truth[name], "held": held[name] / repeats, "width": width[name] / repeats} for name in truth
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=500, help="random problems against all subsets")
    parser.add_argument("--repeats", type=int, default=200, help="intervals of each kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    began = time.perf_counter()
    worst, intervals = against_subsets(options.problems), coverage(options.repeats)
    seconds = time.perf_counter() - began
    if options.json:
        print(json.dumps({"largest_difference": worst, "intervals": intervals, "seconds": seconds}, indent=2))
        return
    print(f"largest difference from the mean over all subsets, {options.problems} random problems")
    for name, value in worst.items():
        print(f"  {name:<24} {value:.1e}")
    print(f"95% intervals, {options.repeats} times 100 problems with 16 samples")
    for name, row in intervals.items():
        print(f"  {name:<24} truth {row['truth']:.3f}   held in {row['held']:.1%}   mean width {row['width']:.3f}")
    print(f"{seconds:.0f} s")


if __name__ == "__main__":
    main()

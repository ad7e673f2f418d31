"""What is measured on responses: per measure a path of names and a statistic over problems.

Idea
    A measure is first taken of each problem alone, exactly over all subsets of its samples, and then averaged; or it
    is of all samples together, with the problems as what is drawn again. Definitions in ``docs/evaluation.md``.
Maths
    ``metrics/``: pass_at_k, majority, best_of_n, calibration, distinct.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.evals.judging import LIKELIHOOD
from guerdon.evals.pool import Pool
from guerdon.metrics.best_of_n import best_of_n
from guerdon.metrics.distinct import distinct_at_k, distinct_phrases, self_similarity
from guerdon.metrics.majority import majority_at_k
from guerdon.metrics.over_problems import ByDraw, Ratio, Statistic, weighted_median
from guerdon.metrics.pass_at_k import pass_at_k
from guerdon.metrics.support import answer_entropy

Path = tuple[str, ...]
Statistics = Mapping[Path, Statistic]
BINS = 10
"""Equal intervals of the confidence."""


def pass_at(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """Chance that one of k is right."""
    counts = [(pool.size, int(sum(pool.right))) for pool in pools]
    return {("pass_at", str(k)): Ratio([pass_at_k(n, c, k) for n, c in counts]) for k in ks}


def majority_at(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """Chance that the vote of k is right; a vote of one is no vote."""
    return {
        ("majority_at", str(k)): Ratio([majority_at_k(pool.answers, pool.right, k) for pool in pools])
        for k in ks
        if k > 1
    }


def best_of(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """Chance that the one of k that a reward scores highest is right; what the reward cannot score is never preferred."""
    found = {}
    for name in dict.fromkeys(name for pool in pools for name in pool.scores):
        scores = [[-math.inf if math.isnan(x) else x for x in pool.scores[name]] for pool in pools]
        for k in (k for k in ks if k > 1):
            values = [best_of_n(proxy, pool.right, k) for proxy, pool in zip(scores, pools, strict=True)]
            found["best_of", name, str(k)] = Ratio(values)
    return found


def confidences(pools: Sequence[Pool]) -> dict[str, list[list[float]]]:
    """Source -> confidence of each response, NaN where it has none; only sources that any response has."""
    sources = {
        "stated": [list(pool.stated) for pool in pools],
        "token": [[math.exp(min(x, 0.0)) for x in pool.scores.get(LIKELIHOOD, ())] for pool in pools],
        "sequence": [[math.exp(min(x, 0.0)) for x in pool.logprobs] for pool in pools],
        "vote": [_vote_shares(pool) for pool in pools],
    }
    drawn = any(pool.scores.get(LIKELIHOOD) for pool in pools)
    known = {name: rows for name, rows in sources.items() if name != "sequence" or drawn}
    many = max(pool.size for pool in pools) > 1
    return {
        name: [row or [math.nan] * pool.size for row, pool in zip(rows, pools, strict=True)]
        for name, rows in known.items()
        if any(x == x for row in rows for x in row) and (name != "vote" or many)
    }


def _vote_shares(pool: Pool) -> list[float]:
    """Share of the problem's samples that give the same answer as each; NaN where the answer could not be read."""
    votes = Counter(pool.answers)
    return [math.nan if answer is None else votes[answer] / pool.size for answer in pool.answers]


class CalibrationError:
    """ECE over problems' draws, from the sums of right less confidence in each interval."""

    def __init__(self, pools: Sequence[Pool], rows: Sequence[Sequence[float]], bins: int = BINS) -> None:
        self.gap, self.count = np.zeros((len(pools), bins)), np.zeros(len(pools))
        for number, (pool, row) in enumerate(zip(pools, rows, strict=True)):
            for q, c in zip(row, pool.right, strict=True):
                if q == q:
                    self.gap[number, bin_of(q, bins)] += c - q
                    self.count[number] += 1

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """One value per draw."""
        count = weights @ self.count
        return np.where(count > 0, np.abs(weights @ self.gap).sum(1), np.nan) / np.where(count > 0, count, 1.0)


def bin_of(confidence: float, bins: int = BINS) -> int:
    """The interval of a confidence; an edge belongs to the upper one, 1 to the last."""
    return min(int(confidence * bins + 1e-9), bins - 1)


def calibration(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """ECE, Brier score and AUROC of every confidence there is, and the share of responses that have it."""
    found: dict[Path, Statistic] = {}
    for name, rows in confidences(pools).items():
        pairs = [
            [(q, c) for q, c in zip(row, pool.right, strict=True) if q == q]
            for row, pool in zip(rows, pools, strict=True)
        ]
        sizes = [float(len(row)) for row in pairs]
        numbers: dict[str, Statistic] = {
            "ece": CalibrationError(pools, rows),
            "brier": Ratio([math.fsum((q - c) ** 2 for q, c in row) for row in pairs], sizes),
            "auroc": _auroc(pairs),
            "confidence": Ratio([math.fsum(q for q, _ in row) for row in pairs], sizes),
            "share": Ratio(sizes, [float(pool.size) for pool in pools]),
        }
        found |= {("calibration", name, what): statistic for what, statistic in numbers.items()}
    return found


def _auroc(pairs: Sequence[Sequence[tuple[float, float]]]) -> Statistic:
    problem_of = [number for number, row in enumerate(pairs) for _ in row]
    q, c = (np.array([pair[side] for row in pairs for pair in row]) for side in (0, 1))
    levels, level = np.unique(q, return_inverse=True)

    def area(weights: np.ndarray) -> float:
        good, bad = (np.bincount(level, weights * side, len(levels)) for side in (c, 1 - c))
        both = good.sum() * bad.sum()
        return float(good @ (bad.cumsum() - bad / 2) / both) if both > 0 else math.nan

    return ByDraw(problem_of, area)


def length(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """Mean and median length, of right and of wrong responses, and the share that the budget ended."""
    sizes = [float(pool.size) for pool in pools]
    problem_of = [number for number, pool in enumerate(pools) for _ in pool.lengths]
    every = [x for pool in pools for x in pool.lengths]
    right, wrong = (
        [[x for x, c in zip(pool.lengths, pool.right, strict=True) if c == side] for pool in pools] for side in (1, 0)
    )
    found: dict[Path, Statistic] = {
        ("length", "mean"): Ratio([math.fsum(pool.lengths) for pool in pools], sizes),
        ("length", "median"): ByDraw(problem_of, weighted_median(every)),
        ("length", "right"): Ratio([math.fsum(row) for row in right], [float(len(row)) for row in right]),
        ("length", "wrong"): Ratio([math.fsum(row) for row in wrong], [float(len(row)) for row in wrong]),
    }
    if any(pool.truncated for pool in pools):
        cut = [[x for x in pool.truncated if x == x] for pool in pools]
        found["length", "truncated"] = Ratio([math.fsum(row) for row in cut], [float(len(row)) for row in cut])
    return found


def diversity(pools: Sequence[Pool], ks: Sequence[int]) -> Statistics:
    """Different answers among k, entropy of the answers, different word pairs, likeness of texts, unreadable answers."""
    read = [[answer for answer in pool.answers if answer is not None] for pool in pools]
    found: dict[Path, Statistic] = {
        ("diversity", "distinct_at", str(k)): Ratio([distinct_at_k(pool.answers, k) for pool in pools])
        for k in ks
        if k > 1
    }
    found["diversity", "answer_entropy"] = Ratio([answer_entropy(row) if row else math.nan for row in read])
    found["diversity", "distinct_2"] = Ratio([distinct_phrases(pool.texts) for pool in pools])
    found["diversity", "self_similarity"] = Ratio([self_similarity(pool.texts) for pool in pools])
    silent = [float(pool.size - len(row)) for pool, row in zip(pools, read, strict=True)]
    found["diversity", "unreadable"] = Ratio(silent, [float(pool.size) for pool in pools])
    return found


MEASURES: dict[str, Callable[[Sequence[Pool], Sequence[int]], Statistics]] = {
    "pass_at": pass_at,
    "majority_at": majority_at,
    "best_of": best_of,
    "calibration": calibration,
    "length": length,
    "diversity": diversity,
}
"""Family -> what measures it."""


def check_families(families: Sequence[str]) -> None:
    """Refuse families that are none.

    Raises:
        GuerdonError: naming them.
    """
    if unknown := sorted(set(families) - set(MEASURES)):
        raise GuerdonError(f"measures must be among {', '.join(MEASURES)}, got {', '.join(unknown)}")


def statistics_of(pools: Sequence[Pool], ks: Sequence[int], families: Sequence[str]) -> dict[Path, Statistic]:
    """All statistics of the named families.

    Raises:
        GuerdonError: if there is no such family.
    """
    check_families(families)
    found: dict[Path, Statistic] = {}
    for family in dict.fromkeys(families):
        found |= MEASURES[family](pools, ks)
    return found


def reliability(pools: Sequence[Pool], bins: int = BINS) -> dict[str, list[dict[str, float]]]:
    """Source -> the intervals that hold responses: how many, their mean confidence, the share of them that is right."""
    found = {}
    for name, rows in confidences(pools).items():
        sums = np.zeros((bins, 3))
        for row, pool in zip(rows, pools, strict=True):
            for q, c in zip(row, pool.right, strict=True):
                if q == q:
                    sums[bin_of(q, bins)] += (1, q, c)
        found[name] = [
            {"from": number / bins, "count": int(n), "confidence": q / n, "right": c / n}
            for number, (n, q, c) in enumerate(sums.tolist())
            if n
        ]
    return found

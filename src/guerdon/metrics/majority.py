"""maj@k: how often the answer that most of k samples give is right, exactly.

Maths
    Of n samples, k are drawn without replacement; the answer that most of them give is taken, ties by lot, and is worth
    the share ``w_a`` of its samples that are right. With ``n_a`` samples of answer a, ``X_a ~ Bin(n_a, k/n)``
    conditioned on ``sum_a X_a = k`` are the votes, so
    ``maj@k = sum_v E[(1/t) sum_{a in T} w_a ; v is the largest vote, T the t answers that have it] / P(sum X = k)``,
    a product of polynomials in the size of the subset and in t, for every v (Wang et al., 2023, for the vote itself).
Reads
    Answers of the samples of one problem, and whether each is right.
Deviations
    None is an answer that could not be read: it is drawn, has no vote, and a subset without any vote is wrong.
    Beyond ``EXACT`` samples the expectation is the mean over random subsets.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.rng import Stream

EXACT = 256
"""Samples of a problem up to which the expectation is exact; the work grows with the square of it."""


def majority_at_k(
    answers: Sequence[Hashable | None], right: Sequence[float], k: int, draws: int = 4000, exact: int = EXACT
) -> float:
    """Chance that the vote of k random samples is right.

    ``draws``: random subsets where there are more than ``exact`` samples.

    Raises:
        GuerdonError: unless there is one outcome per answer and ``1 <= k <= samples``.
    """
    if len(answers) != len(right) or not 1 <= k <= len(answers):
        raise GuerdonError(
            "maj@k needs one outcome per answer and 1 <= k <= samples, "
            f"got {len(answers)} answers, {len(right)} outcomes and {k=}"
        )
    counts, worth = tally(answers, right)
    if not len(counts):
        return 0.0
    if len(answers) <= exact:
        return _exact(counts, worth, len(answers), k)
    return _estimate(counts, worth, len(answers), k, draws)


def tally(answers: Sequence[Hashable | None], right: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Per different answer: its samples, and the share of them that is right. None is left out."""
    sums: dict[Hashable, tuple[int, float]] = {}
    for answer, outcome in zip(answers, right, strict=True):
        if answer is not None:
            count, total = sums.get(answer, (0, 0.0))
            sums[answer] = (count + 1, total + outcome)
    counts = np.array([count for count, _ in sums.values()], dtype=np.int64)
    return counts, np.array([total for _, total in sums.values()], dtype=np.float64) / np.maximum(counts, 1)


def _exact(counts: np.ndarray, worth: np.ndarray, samples: int, k: int) -> float:
    share, total = k / samples, 0.0
    for votes in range(1, min(k, int(counts.max())) + 1):
        able = counts >= votes
        most = min(k // votes, int(able.sum()))
        # ways[t, s]: chance that t answers have exactly these votes, none more, and s samples are drawn;
        # won[t, s]: the same times the sum of the worth of those t.
        ways, won = np.zeros((most + 1, k + 1)), np.zeros((most + 1, k + 1))
        ways[0] = _binomial(samples - int(counts[able].sum()), share, k)
        for count, value in zip(counts[able].tolist(), worth[able].tolist(), strict=True):
            chances = _binomial(count, share, k)
            fewer = _toeplitz(np.where(np.arange(k + 1) < votes, chances, 0.0))
            here = np.zeros_like(ways), np.zeros_like(won)
            here[0][1:, votes:] = chances[votes] * ways[:-1, : k + 1 - votes]
            here[1][1:, votes:] = chances[votes] * (won + value * ways)[:-1, : k + 1 - votes]
            ways, won = ways @ fewer + here[0], won @ fewer + here[1]
        total += float((won[1:, k] / np.arange(1, most + 1)).sum())
    return min(total / float(_binomial(samples, share, k)[k]), 1.0)


def _binomial(count: int, share: float, most: int) -> np.ndarray:
    """Chances of 0 .. ``most`` under ``Bin(count, share)``."""
    found = np.zeros(most + 1)
    for number in range(min(count, most) + 1):
        found[number] = math.comb(count, number) * share**number * (1 - share) ** (count - number)
    return found


def _toeplitz(row: np.ndarray) -> np.ndarray:
    """The matrix that multiplies polynomials, cut off at their length, with ``row``."""
    apart = np.arange(len(row))[None, :] - np.arange(len(row))[:, None]
    return np.where(apart >= 0, row[apart.clip(min=0)], 0.0)


def _estimate(counts: np.ndarray, worth: np.ndarray, samples: int, k: int, draws: int) -> float:
    silent = samples - int(counts.sum())
    generator = np.random.default_rng(Stream(("majority", samples, k, *counts.tolist())).integer())
    votes = generator.multivariate_hypergeometric([*counts.tolist(), silent], k, size=draws)[:, :-1]
    winners = (votes == votes.max(1, keepdims=True)) & (votes > 0)
    return float(((winners * worth).sum(1) / winners.sum(1).clip(min=1)).mean())

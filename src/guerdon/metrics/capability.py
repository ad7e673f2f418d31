"""Accuracy apart from capability, and which questions a change of the model helped (rl_vs_distill).

Maths
    ``accuracy = mean_x c_x / n_x``; ``capability = mean_x pass@k(n_x, c_x)`` for a large k. Questions are sorted into
    intervals by their success rate before, ``[0, 1/4), [1/4, 1/2), ...``; each reports its mean change.
Reads
    Samples and right ones per question, before and after; n may differ between questions and between the two.
Deviations
    A rate on an edge belongs to the upper interval, 1 to the last one. An interval without a question is left out.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import fsum

from guerdon.errors import GuerdonError
from guerdon.metrics.pass_at_k import pass_at_k

Counts = Sequence[tuple[int, int]]
"""(samples, right ones) per question."""


def accuracy(counts: Counts) -> float:
    """Mean success rate; every question counts once.

    Raises:
        GuerdonError: without questions, or if a question has no samples.
    """
    return capability(counts, 1)


def capability(counts: Counts, k: int) -> float:
    """Mean pass@k.

    Raises:
        GuerdonError: without questions, or if a question has fewer than ``k`` samples.
    """
    if not counts:
        raise GuerdonError("accuracy and capability need at least one question, got none")
    return fsum(pass_at_k(samples, right, k) for samples, right in counts) / len(counts)


def change_by_difficulty(before: Counts, after: Counts, buckets: int = 4) -> dict[int, float]:
    """Interval number (0 is the hardest) -> mean change of the success rate of its questions.

    Raises:
        GuerdonError: unless both have the same questions, with samples, and ``buckets >= 1``.
    """
    if len(before) != len(after) or buckets < 1 or any(n < 1 for n, _ in [*before, *after]):
        raise GuerdonError(
            "change_by_difficulty needs the same questions before and after, each with samples, and buckets >= 1, "
            f"got {len(before)} and {len(after)} questions, buckets={buckets}"
        )
    changes: dict[int, list[Fraction]] = {}
    for (samples, right), (later, solved) in zip(before, after, strict=True):
        bucket = min(right * buckets // samples, buckets - 1)
        changes.setdefault(bucket, []).append(Fraction(solved, later) - Fraction(right, samples))
    return {bucket: float(sum(each) / len(each)) for bucket, each in sorted(changes.items())}

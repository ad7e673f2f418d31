"""pass@k, unbiased, with an interval over problems.

Maths
    With n samples of which c are right, ``pass@k = 1 - C(n-c, k) / C(n, k)`` (Chen et al., 2021, eq. 1): the
    chance that a random subset of k holds a right one.
Reads
    Counts per problem. An unscored sample leaves n, so n may differ between problems.
"""

from collections.abc import Sequence
from math import comb

import numpy as np

from guerdon.errors import GuerdonError
from guerdon.rng import Stream


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Unbiased estimate for one problem.

    Raises:
        GuerdonError: unless ``0 <= correct <= samples`` and ``1 <= k <= samples``.
    """
    if not 0 <= correct <= samples or not 1 <= k <= samples:
        raise GuerdonError(
            "pass@k needs 0 <= correct <= samples and 1 <= k <= samples, "
            f"got {correct=}, {samples=}, {k=}; draw more samples"
        )
    return 1.0 - comb(samples - correct, k) / comb(samples, k)


def bootstrap_mean(
    values: Sequence[float], stream: Stream, level: float = 0.95, draws: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of ``values`` (one per problem)."""
    data = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(stream.integer())
    means = data[generator.integers(0, len(data), (draws, len(data)))].mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)

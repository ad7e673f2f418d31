"""Interval estimates over a few seeds.

Maths
    mean +- t_{n-1, 0.975} s / sqrt(n), the Student interval at 95%.
Reads
    One number per seed.
Deviations
    None. It assumes roughly normal seed results; with a single seed the interval is the whole line.
"""

import math
from collections.abc import Sequence

from guerdon.errors import GuerdonError
from guerdon.metrics.student import quantile


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Mean and 95% interval of one number per seed.

    Raises:
        GuerdonError: if there are no values.
    """
    count = len(values)
    if not count:
        raise GuerdonError("mean_interval needs at least one value, got none; run at least one seed")
    mean = math.fsum(values) / count
    if count == 1:
        return mean, (-math.inf, math.inf)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (count - 1))
    half = quantile(0.975, count - 1) * spread / math.sqrt(count)
    return mean, (mean - half, mean + half)

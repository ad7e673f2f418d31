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

T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""97.5% quantiles of Student's t with 1, 2, ... degrees of freedom."""


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
    free = count - 1
    # Beyond the table the normal quantile with its first correction is exact to three digits.
    quantile = T_975[free - 1] if free <= len(T_975) else 1.96 + 2.37 / free
    half = quantile * spread / math.sqrt(count)
    return mean, (mean - half, mean + half)

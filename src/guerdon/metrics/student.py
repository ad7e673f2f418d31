"""Quantiles of Student's t, exact for whole degrees of freedom.

Maths
    With ``a = atan(t / sqrt(n))`` the mass between -t and t is a finite sum: for even n
    ``sin a (1 + 1/2 cos^2 a + (1 3)/(2 4) cos^4 a + ...)``, for odd n
    ``2/pi (a + sin a (cos a + 2/3 cos^3 a + (2 4)/(3 5) cos^5 a + ...))``, up to ``cos^(n-2) a``
    (Abramowitz and Stegun, 26.7.3 and 26.7.4). A quantile is where it has the wanted mass.
Reads
    A probability and the degrees of freedom.
Deviations
    From 2,000 degrees of freedom on it is the normal quantile, which then differs by about 0.1%.
"""

import math
from statistics import NormalDist

from guerdon.errors import GuerdonError

NORMAL_FROM = 2000


def quantile(probability: float, freedom: int) -> float:
    """The value below which a share ``probability`` of Student's t lies.

    Raises:
        GuerdonError: unless ``0 < probability < 1`` and there is a degree of freedom.
    """
    if not 0 < probability < 1 or freedom < 1:
        raise GuerdonError(f"quantile needs 0 < probability < 1 and freedom >= 1, got {probability} and {freedom}")
    if probability < 0.5:
        return -quantile(1 - probability, freedom)
    if freedom >= NORMAL_FROM:
        return NormalDist().inv_cdf(probability)
    wanted, low, high = 2 * probability - 1, 0.0, math.pi / 2
    # By the angle and not by t, which has no upper end.
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if central_mass(middle, freedom) < wanted else (low, middle)
    return math.sqrt(freedom) * math.tan((low + high) / 2)


def central_mass(angle: float, freedom: int) -> float:
    """The share of Student's t between -t and t, where ``angle = atan(t / sqrt(freedom))``."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term, total = cosine if odd else 1.0, 0.0
    for power in range(odd, freedom - 1, 2):
        total += term
        term *= cosine * cosine * (power + 1) / (power + 2)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


__all__ = ["quantile"]

"""How alike two rewards are: Pearson's and Spearman's correlation, and the EPIC distance on labelled states.

Maths
    ``rho = cov(x, y) / (sd(x) sd(y))``; Spearman's is that of the ranks, ties sharing their mean rank. For rewards of
    states alone the EPIC distance (Gleave et al., 2021) is ``sqrt((1 - rho) / 2)``.
Reads
    Two numbers per state.
Deviations
    A constant on either side has no correlation: 0.
"""

import math

from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.metrics.rank_correlation import rank_correlation


def pearson(x: Tensor, y: Tensor) -> float:
    """Pearson's correlation of ``[n]`` and ``[n]``.

    Raises:
        GuerdonError: if they differ in length, or there are fewer than 2.
    """
    check_pairs(x, y)
    x, y = x.double() - x.double().mean(), y.double() - y.double().mean()
    spread = float(x.norm() * y.norm())
    return float(x @ y) / spread if spread > 0 else 0.0


def spearman(x: Tensor, y: Tensor) -> float:
    """Spearman's rank correlation (``rank_correlation.py``).

    Raises:
        GuerdonError: if they differ in length, or there are fewer than 2.
    """
    check_pairs(x, y)
    return rank_correlation(x, y)


def check_pairs(x: Tensor, y: Tensor) -> None:
    """Refuse lists between which there is no correlation.

    Raises:
        GuerdonError: if they differ in length, or there are fewer than 2.
    """
    if x.shape != y.shape or x.dim() != 1 or len(x) < 2:
        raise GuerdonError(f"a correlation needs two lists of one length of at least 2, got {len(x)} and {len(y)}")


def epic_distance(x: Tensor, y: Tensor) -> float:
    """``sqrt((1 - rho) / 2)``: 0 for rewards that differ by a shift and a positive factor, 1 for opposite ones."""
    return math.sqrt(max(0.0, (1 - pearson(x, y)) / 2))

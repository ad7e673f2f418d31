"""How well two scores agree on the order of things.

Maths
    Spearman's rho: the correlation of the ranks; equal values share their mean rank.
Reads
    Two scores of the same rows.
"""

from torch import Tensor


def ranks(values: Tensor) -> Tensor:
    """Mean rank of each value from 0, float64 ``[n]``."""
    _, place, count = values.unique(return_inverse=True, return_counts=True)
    above = count.cumsum(0) - count
    return (above + (count - 1) / 2).double()[place]


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's rho; 0 where one score is the same for all."""
    a, b = (ranks(values) - (len(values) - 1) / 2 for values in (first, second))
    size = float(a.norm() * b.norm()) if len(a) else 0.0
    return float((a * b).sum()) / size if size > 0 else 0.0

"""Best-of-n: what a reward picks out of n samples, and what that is worth by another reward.

Maths
    Of a pool of M samples, n are drawn without replacement and the one that the proxy scores highest is kept (ties by
    lot). Its expected gold score is exact: with the proxy's values sorted into levels, the maximum lies in a level with
    probability ``[C(M_<=, n) - C(M_<, n)] / C(M, n)``, and there every sample is equally likely. Best-of-n is
    ``log n - (n - 1) / n`` nats away from the policy that is sampled (Stiennon et al., 2020; Gao et al., 2023).
Reads
    Scores of a pool of samples for one prompt.
Deviations
    The published curves use samples with replacement of the pool's order statistics; for n << M they agree.
"""

import math
from collections.abc import Sequence
from itertools import groupby

from guerdon.errors import GuerdonError


def best_of_n(proxy: Sequence[float], gold: Sequence[float], n: int) -> float:
    """Expected gold score of the sample that the proxy ranks first among n of the pool.

    Raises:
        GuerdonError: if the two lists differ in length, or n is not between 1 and it.
    """
    if len(proxy) != len(gold):
        raise GuerdonError(f"best_of_n needs one gold score per proxy score, got {len(proxy)} and {len(gold)}")
    if not 1 <= n <= len(proxy):
        raise GuerdonError(f"best_of_n needs n between 1 and the {len(proxy)} samples of the pool, got {n}")
    ranked = sorted(zip(proxy, gold, strict=True), key=lambda pair: pair[0])
    total, below, all_ways = 0.0, 0, math.comb(len(ranked), n)
    for _, level in groupby(ranked, key=lambda pair: pair[0]):
        golds = [value for _, value in level]
        ways = math.comb(below + len(golds), n) - math.comb(below, n)
        total += ways / all_ways * math.fsum(golds) / len(golds)
        below += len(golds)
    return total


def best_of_n_kl(n: int) -> float:
    """Nats between best-of-n and the policy that is sampled, for a proxy without ties."""
    return math.log(n) - (n - 1) / n

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.best_of_n import best_of_n, best_of_n_kl


def by_enumeration(proxy, gold, n):
    values = []
    for chosen in combinations(range(len(proxy)), n):
        best = max(proxy[row] for row in chosen)
        tied = [gold[row] for row in chosen if proxy[row] == best]
        values.append(sum(tied) / len(tied))
    return sum(values) / len(values)


def test_by_hand():
    # Pairs of (1, 2, 3): 3 wins in two of three, 2 in one.
    assert best_of_n([1, 2, 3], [0.0, 1.0, 0.0], 2) == pytest.approx(1 / 3)
    assert best_of_n([1, 1, 1], [0.0, 1.0, 0.5], 2) == pytest.approx(0.5)
    assert best_of_n([3, 1], [0.0, 9.0], 2) == 0.0
    assert best_of_n_kl(1) == 0.0 and best_of_n_kl(4) == pytest.approx(math.log(4) - 0.75)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1, max_size=7), st.data())
def test_equals_all_draws(pairs, data):
    proxy, gold = zip(*pairs, strict=True)
    n = data.draw(st.integers(1, len(pairs)))
    assert best_of_n(proxy, gold, n) == pytest.approx(by_enumeration(proxy, gold, n))


def test_bad_input():
    with pytest.raises(GuerdonError, match="between 1 and the 2 samples"):
        best_of_n([1, 2], [1, 2], 3)
    with pytest.raises(GuerdonError, match="one gold score per proxy score"):
        best_of_n([1, 2], [1], 1)

import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.metrics.seeds import mean_interval


def test_three_values_by_hand():
    mean, (low, high) = mean_interval([1.0, 2.0, 3.0])  # s = 1, t = 4.302653
    assert mean == 2.0
    assert (low, high) == pytest.approx((2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)))


def test_one_value_says_nothing_about_the_spread():
    assert mean_interval([5.0]) == (5.0, (-math.inf, math.inf))


def test_the_tail_of_the_table_is_continued():
    values = [0.0, 1.0] * 15  # 29 degrees of freedom: t = 2.045
    mean, (_, high) = mean_interval(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / 29)
    assert (high - mean) / (spread / math.sqrt(30)) == pytest.approx(2.045, abs=0.005)


def test_no_values():
    with pytest.raises(GuerdonError, match="at least one seed"):
        mean_interval([])

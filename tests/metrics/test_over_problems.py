"""The bootstrap over problems."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.metrics.over_problems import (
    ByDraw,
    Ratio,
    difference,
    draws_of,
    estimate,
    interval,
    weighted_median,
)
from guerdon.metrics.pass_at_k import bootstrap_mean
from guerdon.rng import Stream

STREAM = Stream((0,))


def test_every_draw_has_as_many_problems_as_there_are():
    weights = draws_of(5, STREAM, 100)
    assert weights.shape == (100, 5) and (weights.sum(1) == 5).all() and weights.std() > 0.5
    assert (draws_of(5, STREAM, 100) == weights).all()


def test_a_mean_has_the_interval_of_the_plain_bootstrap():
    values = [0.1, 0.4, 0.35, 0.9, 0.0, 1.0]
    found = estimate(Ratio(values), draws_of(6, STREAM))
    assert found.value == pytest.approx(statistics.fmean(values))
    assert (found.low, found.high) == pytest.approx(bootstrap_mean(values, STREAM))


def test_a_ratio_pools_and_leaves_out_what_is_undefined():
    ones = np.ones((1, 3))
    assert Ratio([2.0, 3.0, math.nan])(ones)[0] == 2.5
    assert Ratio([2.0, 3.0, 0.0], [1, 4, 0])(ones)[0] == 1.0
    assert math.isnan(Ratio([math.nan])(np.ones((1, 1)))[0])
    # Draws without a defined problem are left out of the interval.
    assert interval(Ratio([1.0, math.nan])(np.array([[2.0, 0.0], [0.0, 2.0]]))) == (1.0, 1.0)
    assert all(math.isnan(end) for end in interval(np.array([math.nan])))


def test_pairs_cancel_what_both_share():
    hard = np.linspace(0, 1, 50)
    new, base = Ratio(hard + 0.1), Ratio(hard)
    found = estimate(difference(new, base), draws_of(50, STREAM))
    assert (found.value, found.low, found.high) == pytest.approx((0.1, 0.1, 0.1))
    assert estimate(base, draws_of(50, STREAM)).high - estimate(base, draws_of(50, STREAM)).low > 0.1


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=8))
def test_the_median_under_weights_is_that_of_copies(pairs):
    values, weights = [float(a) for a, _ in pairs], np.array([float(b) for _, b in pairs])
    copies = [value for value, weight in zip(values, weights, strict=True) for _ in range(int(weight))]
    found = weighted_median(values)(weights)
    assert found == statistics.median(copies) if copies else math.isnan(found)


def test_a_function_of_all_samples_gets_the_weight_of_their_problem():
    statistic = ByDraw([0, 0, 1], lambda weights: float(weights @ [1, 2, 4]))
    assert statistic(np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [7.0, 6.0]

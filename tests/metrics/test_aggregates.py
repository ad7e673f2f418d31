"""Golden numbers by hand; agreement with rliable where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from guerdon.metrics.aggregates import aggregates, interquartile_mean, mean, median, optimality_gap

SCORES = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 8.0]])
TABLES = arrays.arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(1, 7)), elements=st.floats(-3, 3, allow_nan=False, width=32)
)


def test_by_hand():
    # Task means are 2 and 4. Of 0 1 2 3 4 8 a quarter of six is one at each end: 1 2 3 4.
    assert mean(SCORES) == 3.0 and median(SCORES) == 3.0
    assert interquartile_mean(SCORES) == 2.5
    # Below 3: 0 1 2 3 3 3, mean 2.
    assert optimality_gap(SCORES, gamma=3.0) == 1.0


def test_three_scores_lose_none_and_four_lose_two():
    assert interquartile_mean(np.array([[0.0], [1.0], [5.0]])) == 2.0
    assert interquartile_mean(np.array([[0.0], [1.0], [2.0], [50.0]])) == 1.5


def test_with_one_task_the_median_over_tasks_is_the_mean():
    one = SCORES[:, :1]
    assert median(one) == mean(one) == 2.0


def test_many_resamples_go_through_one_call():
    stack = np.stack([SCORES, SCORES + 1, -SCORES])
    for name, function in aggregates(gamma=1.0).items():
        assert function(stack).tolist() == [float(function(each)) for each in stack], name


@given(TABLES)
def test_shifts_and_bounds(scores):
    assert interquartile_mean(scores + 2) == pytest.approx(float(interquartile_mean(scores)) + 2, abs=1e-6)
    assert scores.min() - 1e-9 <= interquartile_mean(scores) <= scores.max() + 1e-9
    assert optimality_gap(scores, 5.0) == pytest.approx(5.0 - float(mean(scores)), abs=1e-6)
    assert optimality_gap(scores, 1.0) >= -1e-12


@settings(max_examples=60)
@given(TABLES)
def test_the_numbers_are_those_of_rliable(scores):
    theirs = pytest.importorskip("rliable.metrics", reason="rliable is not installed")
    assert interquartile_mean(scores) == pytest.approx(theirs.aggregate_iqm(scores), abs=1e-12)
    assert mean(scores) == pytest.approx(theirs.aggregate_mean(scores), abs=1e-12)
    assert median(scores) == pytest.approx(theirs.aggregate_median(scores), abs=1e-12)
    assert optimality_gap(scores, 0.7) == pytest.approx(theirs.aggregate_optimality_gap(scores, 0.7), abs=1e-12)

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from guerdon.errors import GuerdonError
from guerdon.metrics.improvement import (
    improvement_resampled,
    log_choose,
    probability_of_improvement,
    separation_bound,
)
from guerdon.metrics.stratified import draw, take
from guerdon.rng import Stream

WHOLE = st.integers(-3, 3).map(float)
PAIRS = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4)).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.float64, (n[0], n[2]), elements=WHOLE), arrays.arrays(np.float64, (n[1], n[2]), elements=WHOLE)
    )
)


def test_by_hand_with_a_tie():
    # Task 1: 1 beats 0, ties 1; 3 beats both: 3.5 of 4. Task 2: never: 0 of 4.
    ours, theirs = np.array([[1.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])
    assert probability_of_improvement(ours, theirs) == (3.5 / 4 + 0) / 2


@given(PAIRS)
def test_the_two_sides_add_up_and_equals_are_even(pair):
    ours, theirs = pair
    assert probability_of_improvement(ours, theirs) + probability_of_improvement(theirs, ours) == pytest.approx(1)
    assert probability_of_improvement(ours, ours) == 0.5


@given(PAIRS)
def test_resamples_by_counts_are_those_by_taking(pair):
    ours, theirs = pair
    left, right = draw(Stream((1,)), 7, *ours.shape), draw(Stream((2,)), 7, *theirs.shape)
    taken = [probability_of_improvement(a, b) for a, b in zip(take(ours, left), take(theirs, right), strict=True)]
    assert improvement_resampled(ours, theirs, left, right) == pytest.approx(np.array(taken), abs=1e-12)


@settings(max_examples=60)
@given(PAIRS)
def test_the_number_is_that_of_rliable(pair):
    theirs = pytest.importorskip("rliable.metrics", reason="rliable is not installed")
    assert probability_of_improvement(*pair) == pytest.approx(theirs.probability_of_improvement(*pair), abs=1e-12)


def test_the_bound_is_where_separation_has_the_probability_of_a_tail():
    assert math.exp(log_choose(5, 5)) == pytest.approx(252)
    bound = separation_bound(5, 1)
    assert log_choose(5, 5 * (1 / bound - 1)) == pytest.approx(-math.log(0.025))
    # Three against three are separated by chance once in 10; four against four once in 35.
    assert separation_bound(3, 1) < 0.5 < separation_bound(4, 1) < separation_bound(8, 1) < separation_bound(8, 4) < 1


def test_separation_is_as_likely_as_the_formula_says():
    generator, runs, power = np.random.default_rng(0), 4, 3.0
    ours = generator.random((200000, runs)) ** (1 / power)
    theirs = generator.random((200000, runs))
    separated = (ours.min(1) > theirs.max(1)).mean()
    assert separated == pytest.approx(math.exp(-log_choose(runs, runs / power)), rel=0.03)
    assert (ours[:, 0] > theirs[:, 0]).mean() == pytest.approx(1 / (1 + 1 / power), rel=0.01)


def test_other_tasks_are_refused():
    with pytest.raises(GuerdonError, match=r"on the same tasks, got \[2, 3\] and \[2, 4\]"):
        probability_of_improvement(np.zeros((2, 3)), np.zeros((2, 4)))
    with pytest.raises(GuerdonError, match="on the same tasks"):
        probability_of_improvement(np.zeros((0, 3)), np.zeros((2, 3)))

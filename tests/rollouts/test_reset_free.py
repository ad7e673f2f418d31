"""Forward, back, and again."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.rollouts.reset_free import alternation


def test_by_hand():
    assert alternation(6, 2) == [0, 0, 1, 1, 0, 0]
    assert alternation(5, 2, tasks=3) == [0, 0, 1, 1, 2]
    assert alternation(4, 3, tasks=1) == [0] * 4 and alternation(0, 3) == []


def test_success_switches_early_but_not_before_the_minimum():
    success = [False, True, True, False, False, False]
    assert alternation(6, 4, success) == [0, 0, 1, 0, 0, 0]
    assert alternation(6, 4, success, minimum=2) == [0, 0, 1, 1, 1, 1]


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 6), st.integers(1, 6))
def test_every_stay_is_as_long_as_it_may_be(success, horizon, minimum):
    tasks = alternation(len(success), horizon, success, minimum=minimum)
    turns = [0, *(step for step in range(1, len(tasks)) if tasks[step] != tasks[step - 1])]
    for start, end in itertools.pairwise(turns):
        length = end - start
        assert length == horizon or (minimum <= length < horizon and success[end - 1])


def test_bad_input():
    for bad in ({"horizon": 0}, {"tasks": 0}, {"minimum": 0}, {"success": [True]}):
        with pytest.raises(GuerdonError, match="positive horizon, tasks and minimum"):
            alternation(**{"steps": 3, "horizon": 2, **bad})

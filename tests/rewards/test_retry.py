import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.rewards.retry import Retry


def test_waits_double_up_to_the_longest():
    assert [*Retry(times=5, wait=1.0, longest=5.0, jitter=0.0).waits()] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert [*Retry(times=0).waits()] == []


def test_chance_is_of_the_seed_and_of_what_is_tried():
    one = [*Retry(seed=1).waits("a")]
    assert one == [*Retry(seed=1).waits("a")]
    assert one != [*Retry(seed=2).waits("a")] and one != [*Retry(seed=1).waits("b")]


@given(st.integers(0, 9), st.floats(0, 1), st.text(max_size=3))
def test_a_wait_lies_between_what_jitter_leaves_and_the_whole(times, jitter, what):
    retry = Retry(times=times, jitter=jitter)
    whole = [*Retry(times=times, jitter=0.0).waits()]
    for wait, most in zip(retry.waits(what), whole, strict=True):
        assert most * (1 - jitter) - 1e-9 <= wait <= most


@pytest.mark.parametrize("fields", [{"times": -1}, {"factor": 0.5}, {"jitter": 1.5}, {"wait": -1.0}])
def test_refused(fields):
    with pytest.raises(GuerdonError, match="Retry needs times, wait and longest >= 0, factor >= 1"):
        Retry(**fields)

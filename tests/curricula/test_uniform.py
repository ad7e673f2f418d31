"""Uniform choice of problems."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.curricula.uniform import Uniform
from guerdon.rng import Stream


def task(size: int | None) -> SimpleNamespace:
    return SimpleNamespace(size=lambda split: size if split == "train" else 0)


@given(size=st.integers(1, 50), count=st.integers(1, 60), seed=st.integers(0, 99))
def test_problems_are_of_the_split_and_different_where_there_are_enough(size, count, seed):
    picked = Uniform().pick(task(size), count, Stream((seed,)))
    assert len(picked) == count and set(picked) <= set(range(size))
    if count <= size:
        assert len(set(picked)) == count
    assert picked == Uniform().pick(task(size), count, Stream((seed,)))


@pytest.mark.parametrize("size", [None, 10_000_000])
def test_a_split_too_long_to_shuffle_is_drawn_from_all_over(size):
    picked = Uniform().pick(task(size), 200, Stream((0,)))
    assert len(set(picked)) > 195 and max(picked) > (size or 2**31) * 0.9


def test_every_problem_is_as_likely():
    counts = [0] * 5
    for seed in range(2000):
        for problem in Uniform().pick(task(5), 2, Stream((seed,))):
            counts[problem] += 1
    assert all(abs(count - 800) < 100 for count in counts)

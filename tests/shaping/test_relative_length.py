import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.relative_length import RelativeLength


def cost(piece: RelativeLength, rewards: list[list[float]], lengths: list[int]) -> list[float]:
    flat = [reward for group in rewards for reward in group]
    return piece(ragged(rewards, lengths, {"traj.reward/correct": flat}))["traj.reward/length"].tolist()


def test_spread_uses_the_right_responses_alone():
    got = cost(RelativeLength(0.6), [[1, 1, 1, 0]], [10, 20, 30, 500])
    assert got == pytest.approx([0.86374 - 1, -0.3, 0.53626 - 1, 0.0], abs=1e-5)


def test_shortest():
    assert cost(RelativeLength(0.5, compare="shortest"), [[1, 1, 0]], [10, 20, 5]) == pytest.approx([0, -0.25, 0])
    assert cost(RelativeLength(0.5, compare="shortest"), [[0, 0], [1]], [3, 4, 7]) == [0, 0, 0]


def test_one_right_response_and_equal_lengths_have_no_z():
    assert cost(RelativeLength(1.0), [[1, 0], [1, 1]], [4, 9, 5, 5]) == pytest.approx([-0.5, 0, -0.5, -0.5])


def test_top_share_takes_the_most_accurate_groups_and_at_least_one():
    rewards = [[1, 0], [1, 1], [1, 1]]
    assert cost(RelativeLength(1.0, top_share=0.01), rewards, [1] * 6) == pytest.approx([0, 0, -0.5, -0.5, 0, 0])
    assert cost(RelativeLength(1.0, top_share=0.4), rewards, [1] * 6) == pytest.approx([0, 0, -0.5, -0.5, -0.5, -0.5])


def test_unscored_responses_are_not_right():
    got = cost(RelativeLength(1.0, compare="shortest"), [[math.nan, 1, 1]], [1, 4, 8])
    assert got == pytest.approx([0, 0, -0.5])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=6), st.sampled_from([1, 2, 3]))
def test_longer_never_costs_less_and_the_scale_of_lengths_does_not_matter(rows, factor):
    rewards, lengths = [[float(ok) for ok, _ in rows]], [length for _, length in rows]
    for compare in ("spread", "shortest"):
        piece = RelativeLength(0.7, compare=compare)
        got = cost(piece, rewards, lengths)
        solved = sorted((length, -value) for (ok, length), value in zip(rows, got, strict=True) if ok)
        prices = torch.tensor([price for _, price in solved])
        assert bool((prices.diff() >= -1e-6).all()) and all(0 <= price <= 0.7 for price in prices.tolist())
        assert got == pytest.approx(cost(piece, rewards, [factor * length for length in lengths]), abs=1e-5)


def test_range():
    with pytest.raises(GuerdonError, match=r"top_share must lie in \(0, 1\], got 0"):
        RelativeLength(0.5, top_share=0)

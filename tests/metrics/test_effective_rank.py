import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.metrics.effective_rank import effective_rank, prefix_ranks, rank_dynamics


def states(seed, rows, width, rank):
    generator = torch.Generator().manual_seed(seed)
    left = torch.randn(rows, rank, generator=generator, dtype=torch.float64)
    return left @ torch.randn(rank, width, generator=generator, dtype=torch.float64) + 7


def test_known_ranks():
    cross = torch.cat([torch.eye(4), -torch.eye(4)])
    line = torch.arange(5.0)[:, None] * torch.tensor([1.0, 2.0, 3.0])
    for rank in (effective_rank, lambda rows: prefix_ranks(rows, [len(rows)])[0]):
        assert rank(cross) == pytest.approx(4, abs=1e-6)
        assert rank(line) == pytest.approx(1, abs=1e-6)
        assert rank(torch.ones(3, 2)) == 1
        assert rank(torch.ones(1, 2)) == rank(torch.ones(0, 2)) == 0
        assert rank(torch.full((3, 2), math.nan)) == 0


@settings(max_examples=60)
@given(rows=st.integers(1, 40), width=st.integers(1, 20), rank=st.integers(1, 6), seed=st.integers(0, 99))
def test_growing_prefixes_agree_with_full_decompositions(rows, width, rank, seed):
    hidden = states(seed, rows, width, rank)
    ends = [*range(1, rows, 3), rows]
    assert prefix_ranks(hidden, ends) == pytest.approx([effective_rank(hidden[:end]) for end in ends], abs=1e-5)


def test_velocity_and_acceleration_by_their_definition():
    hidden = states(0, 50, 8, 8)
    m = [effective_rank(hidden[: t + 1]) for t in (10, 20, 30, 40)]
    velocity = [m[1] - m[0], m[2] - (m[0] + m[1]) / 2, m[3] - (m[0] + m[1] + m[2]) / 3]
    acceleration = [velocity[1] - velocity[0], velocity[2] - velocity[1]]
    expected = (effective_rank(hidden), sum(velocity) / 3, sum(acceleration) / 2)
    assert rank_dynamics(hidden, 10) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("rows", "moves"), [(0, 0), (1, 0), (20, 0), (40, 0), (41, 1), (60, 1), (61, 2)])
def test_short_responses_have_no_dynamics(rows, moves):
    _, velocity, acceleration = rank_dynamics(states(1, rows, 64, 64), 20)
    assert (velocity != 0, acceleration != 0) == (moves >= 1, moves >= 2)

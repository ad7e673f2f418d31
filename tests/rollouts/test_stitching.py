"""Edges between clips and the buffer after them."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.rollouts.stitching import best_matches, buffer_steps


def test_each_frame_gets_the_best_frame_of_every_other_class():
    source = torch.tensor([0, 0, 1, 1, 2])
    similarity = torch.tensor(
        [
            [1.0, 0.9, 0.2, 0.3, 1e-11],
            [0.9, 1.0, 0.4, 0.1, 0.5],
            [0.2, 0.4, 1.0, 0.8, 0.6],
            [0.3, 0.1, 0.8, 1.0, 0.7],
            [1e-11, 0.5, 0.6, 0.7, 1.0],
        ],
        dtype=torch.float64,
    )
    frame, value = best_matches(similarity.log(), source)
    assert frame.tolist() == [[-1, 3, -1], [-1, 2, 4], [1, -1, 4], [0, -1, 4], [1, 3, -1]]
    torch.testing.assert_close(value.exp()[0], torch.tensor([0, 0.3, 0], dtype=torch.float64))
    usable = torch.tensor([True, False, True, False, False])
    frame, _ = best_matches(similarity.log(), source, usable)
    assert frame.tolist() == [[-1, 2, -1], [-1, 2, -1], [0, -1, -1], [0, -1, -1], [-1, 2, -1]]


def test_no_frames():
    frame, value = best_matches(torch.zeros(0, 0), torch.zeros(0, dtype=torch.int64))
    assert frame.shape == value.shape == (0, 0)


def test_buffers_by_hand():
    similarity = torch.tensor([1.0, 0.9, 0.5, 0.3, 0.1, 0.05, 1e-3, 1e-9, 1e-30, 0.0], dtype=torch.float64)
    assert buffer_steps(similarity.log()).tolist() == [0, 0, 1, 1, 1, 2, 3, 9, 10, 0]
    assert buffer_steps(torch.tensor([-300.0 * math.log(10)]), most=400).tolist() == [300]


@given(st.lists(st.floats(-40, 0), min_size=2, max_size=6))
def test_less_alike_never_waits_less(logs):
    steps = buffer_steps(torch.tensor(sorted(logs), dtype=torch.float64)).tolist()
    assert steps == sorted(steps, reverse=True) and all(0 <= step <= 10 for step in steps)
    assert pytest.approx(0) == buffer_steps(torch.zeros(1)).item()

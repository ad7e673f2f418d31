import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.running_scale import RunningMoments, RunningScale

NUMBERS = st.floats(-10, 10, width=32)


def scaled(piece, state, rewards):
    return piece(ragged([rewards]), state)["traj.reward"].tolist()


def test_standardize_over_the_run():
    piece = RunningScale()
    state = piece.init_state()
    assert scaled(piece, state, [1.0, 3.0]) == pytest.approx([-1.0, 1.0])
    # 1, 3, 5, 7: mean 4, population variance 5.
    assert scaled(piece, state, [5.0, 7.0]) == pytest.approx([1 / math.sqrt(5), 3 / math.sqrt(5)])


def test_clip_and_minmax():
    piece = RunningScale("clip")
    assert scaled(piece, piece.init_state(), [0.0, 0.0, 0.0, 4.0]) == pytest.approx([0.0, 0.0, 0.0, 1 + math.sqrt(3)])
    piece = RunningScale("minmax")
    state = piece.init_state()
    assert scaled(piece, state, [2.0, 4.0]) == [0.0, 1.0]
    assert scaled(piece, state, [3.0]) == [0.5]
    assert scaled(piece, state, [6.0]) == [1.0]


def test_equal_values_and_none():
    for how in ("standardize", "clip", "minmax"):
        piece = RunningScale(how)
        state = piece.init_state()
        assert scaled(piece, state, []) == []
        assert math.isnan(scaled(piece, state, [math.nan])[0])
        got = scaled(piece, state, [2.0, 2.0, math.nan])
        assert got[:2] == [2.0 if how == "clip" else 0.0] * 2 and math.isnan(got[2])


@given(st.lists(st.lists(NUMBERS, max_size=6), min_size=1, max_size=5))
def test_merged_moments_are_those_of_all_values(parts):
    state = RunningMoments()
    for part in parts:
        state.add(torch.tensor(part))
    everything = torch.tensor([value for part in parts for value in part], dtype=torch.float64)
    assert float(state.count) == len(everything)
    if len(everything):
        torch.testing.assert_close(state.mean, everything.mean(), atol=1e-9, rtol=1e-9)
        torch.testing.assert_close(state.squares, (everything - everything.mean()).square().sum(), atol=1e-6, rtol=1e-6)
        assert (float(state.lowest), float(state.highest)) == (float(everything.min()), float(everything.max()))


def test_state_survives_a_checkpoint():
    piece = RunningScale("minmax")
    state, other = piece.init_state(), piece.init_state()
    scaled(piece, state, [0.0, 8.0])
    other.load_state_dict(state.state_dict())
    assert scaled(piece, other, [2.0]) == [0.25]


def test_range():
    with pytest.raises(GuerdonError, match="eps must be positive, got 0"):
        RunningScale(eps=0.0)

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shaping.components import NAN, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.shaping.moving_scale import MovingScale
from guerdon.shaping.weighted_sum import WeightedSum


def scaled(piece, batch, state):
    return [column.tolist() for column in piece(batch, state).values()]


def test_the_whole_run_counts_alike_without_a_decay():
    piece = MovingScale(("a",), decay=None)
    state = piece.init_state()
    scaled(piece, rewards(a=[1.0, 2.0, NAN]), state)
    out = scaled(piece, rewards(a=[6.0]), state)
    values = np.array([1.0, 2.0, 6.0])
    assert float(state.mean) == pytest.approx(3.0) and float(state.rows) == 3
    assert out == [[pytest.approx((6 - 3) / values.std())]]


def test_moving_moments_start_at_the_first_batch_and_follow():
    piece = MovingScale(("a", "b"), decay=0.5)
    state = piece.init_state()
    scaled(piece, rewards(a=[0.0, 2.0], b=[NAN, NAN]), state)
    assert state.mean.tolist() == [1.0, 0.0] and state.square.tolist() == [2.0, 0.0]
    out = scaled(piece, rewards(a=[4.0, 4.0], b=[5.0, NAN]), state)
    # The second batch of a weighs 0.5 / (1 - 0.25) = 2/3; for b it is the first.
    assert state.mean.tolist() == pytest.approx([3.0, 5.0]) and state.square.tolist() == pytest.approx([34 / 3, 25.0])
    assert out[0] == pytest.approx([1 / (34 / 3 - 9) ** 0.5] * 2)
    assert out[1] == pytest.approx([0.0, NAN], nan_ok=True)


def test_only_the_size():
    piece = MovingScale(("a",), center=False)
    assert scaled(piece, rewards(a=[1.0, 3.0]), None) == [[1.0, 3.0]]


@given(st.lists(tables(), min_size=1, max_size=4), st.sampled_from([None, 0.0, 0.9]))
def test_nothing_but_what_is_unscored_is_nan_and_a_saved_state_goes_on(batches, decay):
    piece = MovingScale(("a", "b"), decay=decay)
    state, other = piece.init_state(), piece.init_state()
    for batch in batches:
        other.load_state_dict(state.state_dict())
        out = piece(batch, state)
        assert tuple(out) == piece.writes == ("traj.scaled/a", "traj.scaled/b")
        for name, again in zip(("a", "b"), piece(batch, other).values(), strict=True):
            assert torch.equal(out[f"traj.scaled/{name}"].isnan(), batch[f"traj.reward/{name}"].isnan())
            assert torch.equal(out[f"traj.scaled/{name}"].nan_to_num(), again.nan_to_num())


def test_scaled_components_are_summed_beside_the_raw_ones():
    batch = rewards(a=[0.0, 100.0], b=[1.0, 0.0])
    batch = batch.with_columns(MovingScale(("a", "b"))(batch))
    assert WeightedSum(of="traj.scaled/*")(batch)["traj.reward"].tolist() == pytest.approx([0.0, 0.0])
    assert WeightedSum()(batch)["traj.reward"].tolist() == [1.0, 100.0]


def test_refused():
    for fields in ({"decay": 1.0}, {"least": 0.0}):
        with pytest.raises(GuerdonError, match=r"needs decay in \[0, 1\) and least > 0"):
            MovingScale(("a",), **fields)
    with pytest.raises(GuerdonError, match="without a level"):
        MovingScale(("traj.reward/a",))

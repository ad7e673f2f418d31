"""Weights of data sources from the history of their losses."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.advantages.progress_weight import ProgressWeight
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def run(piece, steps, state=None):
    """Weights after each step; a step is one (reward, source) per trajectory."""
    state = state or piece.init_state()
    out = []
    for rows in steps:
        batch = ragged([[reward for reward, _ in rows]], columns={"traj.source": torch.tensor([at for _, at in rows])})
        out.append(piece(batch, state)["traj.source_weight"].tolist())
    return out, state


def test_a_loss_that_stands_still_weighs_more_than_one_that_falls():
    piece = ProgressWeight(2, window=2, offset=2.0)
    weights, _ = run(piece, [[(1, 0), (0, 1)]] * 2 + [[(1, 0), (1, 1)]] * 2)
    assert weights[:3] == [[1, 1]] * 3
    share = 1 / (1 + math.exp(-0.1))  # softmax of 1/5 and 0.5/5
    assert weights[3] == pytest.approx([2 * share, 2 * (1 - share)])


def test_a_noisy_loss_weighs_more_and_the_parts_have_weights():
    history = torch.tensor([[2.0, 2.0], [2.0, 2.0], [1.0, 2.0], [3.0, 2.0]], dtype=torch.float64)
    both = ProgressWeight(2, window=2, temperature=1.0).weights(history)
    share = 1 / (1 + math.exp(-0.25))  # sigma / (mu + mu~) = 1 / 4
    assert both.tolist() == pytest.approx([2 * share, 2 * (1 - share)])
    assert ProgressWeight(2, window=2, noise=0.0).weights(history).tolist() == [1, 1]
    code = ProgressWeight(2, window=2, temperature=1.0, trend=0.5, noise=0.5).weights(history)
    share = 1 / (1 + math.exp(-0.125))
    assert code[0] == pytest.approx(2 * share)


def test_a_source_that_a_step_lacks_keeps_its_loss():
    piece = ProgressWeight(2, window=1, offset=2.0)
    _, state = run(piece, [[(1, 0), (0, 1)], [(1, 0)]])
    assert state.losses.tolist() == [[1, 2], [1, 2]]


def test_equal_weights_where_the_ratio_is_undefined():
    piece = ProgressWeight(2, window=1)
    assert run(piece, [[(1, 0), (0, 1)]] * 2)[0][-1] == [1, 1]  # a loss of 0
    assert run(piece, [[(0, 0)]] * 3)[0][-1] == [1]  # the other was never seen
    assert run(piece, [[(math.nan, 0), (0, 1)]] * 3)[0][-1] == [1, 1]


def test_the_history_survives_a_checkpoint():
    piece = ProgressWeight(2, window=1, offset=2.0)
    steps = [[(1, 0), (0, 1)], [(0.5, 0), (1, 1)]]
    whole, _ = run(piece, [*steps, steps[0]])
    _, state = run(piece, steps)
    other = piece.init_state()
    other.load_state_dict(state.state_dict())
    assert run(piece, [steps[0]], other)[0][0] == whole[-1]


@given(st.lists(st.lists(st.floats(0.1, 3), min_size=3, max_size=3), min_size=4, max_size=4))
def test_weights_are_positive_with_mean_one(rows):
    weights = ProgressWeight(3, window=2).weights(torch.tensor(rows, dtype=torch.float64))
    assert bool((weights > 0).all()) and float(weights.mean()) == pytest.approx(1)


def test_numbers_beyond_the_sources():
    with pytest.raises(GuerdonError, match=r"must be numbers in 0\.\.1, got 0 to 2"):
        run(ProgressWeight(2), [[(1, 0), (1, 2)]])
    with pytest.raises(GuerdonError, match="positive sources"):
        ProgressWeight(0)

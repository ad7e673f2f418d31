import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from shaping.components import NAN, combined, lost, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.shaping.constraints import Constraints


def test_multipliers_are_positive_add_up_to_1_and_begin_equal():
    piece = Constraints("task", ("a", "b"), (0.1, 0.1))
    assert piece.weights(torch.zeros(2)).tolist() == pytest.approx([1 / 3] * 3)
    some = piece.weights(torch.tensor([3.0, -2.0]))
    assert float(some.sum()) == pytest.approx(1.0) and bool((some > 0).all())
    assert Constraints("task").weights(torch.zeros(0)).tolist() == [1.0]


def test_the_bootstrap_raises_the_weight_of_the_task_to_that_of_success():
    piece = Constraints("task", ("a", "won"), (0.1, 0.9), at_least=("won",), success="won")
    z = torch.tensor([0.0, 2.0])
    plain = torch.tensor([0.0, 0.0, 2.0]).softmax(0)
    assert piece.weights(z).tolist() == pytest.approx([float(plain[2]), float(plain[1]), float(plain[2])])
    assert piece.weights(-z).tolist() == pytest.approx(torch.tensor([0.0, 0.0, -2.0]).softmax(0).tolist())


def test_by_hand_and_the_multipliers_move_towards_what_is_violated():
    piece = Constraints("task", ("bad", "won"), (0.25, 0.5), at_least=("won",), lr=2.0)
    state = piece.init_state()
    batch = rewards(task=[1.0, 0.0], bad=[1.0, 0.0], won=[1.0, NAN])
    # 1/3 (r - (bad - 0.25) + (won - 0.5))
    assert combined(piece, batch, state) == pytest.approx([(1 - 0.75 + 0.5) / 3, NAN], nan_ok=True)
    # bad is 0.5 on average, 0.25 too much; won is 1 where known, 0.5 more than needed.
    assert state.z.tolist() == pytest.approx([0.5, -1.0])
    assert piece.weights(state.z)[1] > piece.weights(state.z)[0] > piece.weights(state.z)[2]


def test_plain_dual_ascent_stays_between_0_and_the_largest():
    piece = Constraints("task", ("bad",), (0.5,), lr=1.0, multipliers="dual", largest=0.7)
    state, batch = piece.init_state(), rewards(task=[1.0], bad=[1.0])
    assert combined(piece, batch, state) == [1.0]
    assert combined(piece, batch, state) == [1.0 - 0.5 * 0.5]
    assert state.z.tolist() == [0.7]
    for _ in range(3):
        combined(piece, rewards(task=[1.0], bad=[0.0]), state)
    assert state.z.tolist() == [0.0]


def test_a_cost_that_nobody_knows_moves_nothing():
    piece = Constraints("task", ("bad",), (0.5,))
    state = piece.init_state()
    assert combined(piece, rewards(task=[1.0], bad=[NAN]), state) == pytest.approx([NAN], nan_ok=True)
    assert state.z.tolist() == [0.0]


@given(tables("rab"), st.sampled_from(["softmax", "dual"]))
def test_unscored_where_a_part_is_and_the_state_stays_finite(batch, kind):
    piece = Constraints("r", ("a", "b"), (0.1, 0.2), at_least=("b",), multipliers=kind)
    state = piece.init_state()
    out = combined(piece, batch, state)
    assert [value != value for value in out] == lost(batch, "rab")
    assert bool(state.z.isfinite().all())


def test_it_finds_the_multiplier_of_a_solved_problem():
    """max p - violations <= 0.25 where the policy answers with rate sigmoid(lambda_0 - lambda_1): the rate comes to 0.25."""
    piece = Constraints("task", ("bad",), (0.25,), lr=0.5)
    state = piece.init_state()
    for _ in range(400):
        weights = piece.weights(state.z)
        rate = float(torch.sigmoid(4 * (weights[0] - weights[1])))
        combined(piece, rewards(task=[rate], bad=[rate]), state)
    assert rate == pytest.approx(0.25, abs=1e-3)


def test_saved_and_refused():
    piece = Constraints("task", ("a",), (0.5,), at_least=("a",), success="a")
    assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match=r"limits must be one per cost, got \(\)"):
        Constraints("task", ("a",))
    with pytest.raises(GuerdonError, match="must name costs, got b"):
        Constraints("task", ("a",), (0.5,), at_least=("b",))
    with pytest.raises(GuerdonError, match="softmax multipliers where there is a success"):
        Constraints("task", ("a",), (0.5,), multipliers="dual", success="a")

"""Rewards relative to reference answers."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.reference_shape import ReferenceShape, polynomial

NAN = math.nan


def shaped(piece, rewards, references):
    columns = {"traj.reference_reward": torch.tensor(references, dtype=torch.float64)}
    return piece(ragged([rewards], columns=columns))["traj.reward"].tolist()


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_preference_is_the_mean_win_probability():
    got = shaped(ReferenceShape(), [1.0, 1.0], [[1.0, NAN], [0.0, 3.0]])
    assert got == pytest.approx([0.5, (sigmoid(1) + sigmoid(-2)) / 2])
    assert (
        shaped(ReferenceShape(most=1), [1.0], [[0.0, 3.0]])
        == shaped(ReferenceShape(), [1.0], [0.0])
        == pytest.approx([sigmoid(1)])
    )
    assert shaped(ReferenceShape(slope=3.0), [1.0], [[0.0]]) == pytest.approx([sigmoid(3)])


def test_the_upper_point_of_the_references():
    # mean 1, population std 2.
    piece = ReferenceShape("log_sigmoid", center="upper")
    got = shaped(piece, [0.5], [[-1.0, 3.0]])
    assert got == pytest.approx([math.log(sigmoid(0.5 - 1 - 1.0364333894937898 * 2))])
    assert shaped(piece, [0.5], [[0.5, NAN]]) == pytest.approx([-math.log(2)])


def test_without_a_center_references_are_not_read():
    piece = ReferenceShape("tanh", center="none", slope=2.0)
    assert piece.reads == ("traj.reward",)
    assert piece(ragged([[0.3]]))["traj.reward"].tolist() == pytest.approx([math.tanh(0.6)])


def test_references_of_the_group_are_those_of_its_trajectories():
    batch = ragged([[0.0, 1.0], [2.0]], columns={"group.reference_reward": torch.tensor([[1.0], [2.0]]).double()})
    got = ReferenceShape()(batch)["traj.reward"].tolist()
    assert got == pytest.approx([sigmoid(-1), 0.5, 0.5])


def test_missing():
    got = shaped(ReferenceShape(), [1.0, NAN, 2.0], [[NAN], [0.0], [2.0]])
    assert math.isnan(got[0]) and math.isnan(got[1]) and got[2] == 0.5
    assert shaped(ReferenceShape(missing="raw"), [7.0], [[NAN]]) == [7.0]
    empty = ragged([[]], columns={"traj.reference_reward": torch.zeros((0, 2))})
    assert ReferenceShape()(empty)["traj.reward"].shape == (0,)


@given(st.floats(-4, 4))
def test_the_polynomial_stays_near_the_sigmoid(x):
    assert abs(float(polynomial(torch.tensor(x, dtype=torch.float64))) - sigmoid(x)) < 0.012


def test_the_polynomial_is_the_sigmoid_outside():
    got = polynomial(torch.tensor([-9.0, 0.0, 1.0, 4.5], dtype=torch.float64)).tolist()
    inside = 0.5 + 0.239537005 - 0.0132916611 + 0.000376132953
    assert got == pytest.approx([sigmoid(-9), 0.5, inside, sigmoid(4.5)])


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6), st.lists(st.floats(-30, 30), min_size=1, max_size=3))
def test_order_and_bounds(rewards, references):
    got = shaped(ReferenceShape(), rewards, [references] * len(rewards))
    assert all(0 <= value <= 1 for value in got)
    ordered = [value for _, value in sorted(zip(rewards, got, strict=True))]
    assert all(b >= a - 1e-12 for a, b in pairwise(ordered))


def test_ranges():
    with pytest.raises(GuerdonError, match="positive slope and most >= 1, got 0"):
        ReferenceShape(slope=0.0)

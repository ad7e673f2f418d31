"""Rewards from demonstrations alone."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.demonstration import DemonstrationReward


def batch(mine, demo, category):
    features = {"traj.features": torch.tensor(mine), "traj.demo_features": torch.tensor(demo)}
    return ragged([[0.0]] * len(mine), columns={**features, "traj.category": torch.tensor(category)})


def test_a_step_by_hand():
    piece = DemonstrationReward(width=2, categories=3, lr=0.5, beta=2.0, decay=0.1)
    state = piece.init_state()
    rows = batch([[0.0, 1.0], [0.0, 3.0], [1.0, 0.0]], [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0, 0, 2])
    first = piece(rows, state)
    # Mean gaps (1, -2) and (-1, 1); lr / beta = 1/4.
    assert state.weights.tolist() == [[0.25, -0.5], [0, 0], [-0.25, 0.25]]
    assert first["traj.reward/demonstration"].tolist() == [-0.5, -1.5, -0.25]
    assert first["traj.demo_reward"].tolist() == [0.25, 0.25, 0.25]
    piece(rows, state)
    assert state.weights[0].tolist() == pytest.approx([0.5 - 0.05 * 0.25, -1.0 + 0.05 * 0.5])


def test_nothing_is_learned_where_the_policy_does_as_demonstrated():
    piece = DemonstrationReward(width=2)
    state = piece.init_state()
    out = piece(batch([[1.0, 2.0]], [[1.0, 2.0]], [0]), state)
    assert state.weights.tolist() == [[0, 0]] and out["traj.reward/demonstration"].tolist() == [0]


def test_an_empty_batch_changes_nothing():
    piece = DemonstrationReward(width=2)
    state = piece.init_state()
    empty = ragged([[]]).with_columns(
        {"traj.features": torch.zeros(0, 2), "traj.demo_features": torch.zeros(0, 2)}
        | {"traj.category": torch.zeros(0, dtype=torch.int64)}
    )
    assert len(piece(empty, state)["traj.demo_reward"]) == 0 and not state.weights.any()


def test_bad_input():
    with pytest.raises(GuerdonError, match="3 features and categories below 1, got features of shape"):
        DemonstrationReward(width=3)(batch([[1.0, 2.0]], [[1.0, 2.0]], [0]), DemonstrationReward(width=3).init_state())
    with pytest.raises(GuerdonError, match="categories below 1"):
        DemonstrationReward(width=2)(batch([[1.0, 2.0]], [[1.0, 2.0]], [1]), DemonstrationReward(width=2).init_state())
    with pytest.raises(GuerdonError, match="positive width"):
        DemonstrationReward(width=0)

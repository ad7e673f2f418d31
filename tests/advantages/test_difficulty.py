"""Hardness of prompts and the weights made of it."""

import math

import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.difficulty import DemoMismatch, DifficultyWeight, best_match
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged

NAN = math.nan


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_the_best_match_of_each_demonstrated_sentence():
    demo = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert best_match(demo, torch.tensor([[0.0, 5.0], [1.0, 0.0]])) == pytest.approx(1)
    assert best_match(demo, torch.tensor([[1.0, 0.0]])) == pytest.approx(0.5)
    assert best_match(demo, torch.tensor([[1.0, 1.0]])) == pytest.approx(0.5**0.5)
    assert best_match(demo, torch.zeros(0, 2)) == best_match(torch.zeros(0, 2), demo) == 0


def test_hardness_is_the_mean_over_the_responses_of_a_prompt():
    e = torch.eye(2)
    columns = {"traj.features": torch.stack([e[0], e[1], e[0]]), "traj.demo_features": torch.stack([e[0], e[0], e[0]])}
    assert DemoMismatch()(ragged([[0, 0], [0]], columns=columns))["group.hardness"].tolist() == [0.5, 0]


def test_responses_of_several_sentences_or_none():
    batch = ragged([[0, 0]]).with_columns({"traj.a": [torch.eye(2), torch.zeros(0, 2)], "traj.b": [torch.eye(2)] * 2})
    assert DemoMismatch("traj.a", "traj.b")(batch)["group.hardness"].tolist() == [0.5]


def weights(rewards, hardness, category, demo=1.0, **fields):
    rows = sum(map(len, rewards))
    columns = {
        "traj.category": torch.tensor(category),
        "traj.demo_reward": [demo] * rows,
        "group.hardness": hardness,
    }
    return DifficultyWeight(**fields)(ragged(rewards, columns=columns))["group.difficulty"].tolist()


def test_golden():
    got = weights([[0.0, 0.5], [1.0], [-1.0]], [0.2, 0.6, 0.9], [0, 0, 0, 1])
    # Gaps 1, .5, 0 in category 0 and 2 in category 1: means .5 and 2, over all .875.
    first, second = sigmoid(0.5) / sigmoid(0.875), sigmoid(2.0) / sigmoid(0.875)
    assert got == pytest.approx([sigmoid(0.2) / sigmoid(0.4) * first, sigmoid(0.6) / sigmoid(0.4) * first, second])


def test_unscored_and_outlying_gaps_leave_the_means():
    usual = [[0.0] * 9, [NAN, 0.0]]
    base = weights(usual, [0.5, 0.5], [0] * 9 + [1, 1])
    assert base == pytest.approx([1, 1])
    wild = weights([[0.0] * 9, [-50.0, 0.0]], [0.5, 0.5], [0] * 9 + [1, 1], outliers=2.0)
    assert wild == pytest.approx([1, 1])
    gone = weights([[0.0] * 9, [-50.0]], [0.5, 0.5], [0] * 9 + [1], outliers=2.0)
    assert gone == pytest.approx([1, 1])


@given(batch=batches())
def test_weights_lie_between_a_quarter_and_four(batch):
    trajs = batch.size("traj")
    batch = batch.with_columns(
        {
            "group.hardness": torch.linspace(0, 2, batch.size("group")),
            "traj.demo_reward": torch.ones(trajs, dtype=torch.float64),
            "traj.category": torch.arange(trajs) % 2,
        }
    )
    out = DifficultyWeight(outliers=1.0)(batch)["group.difficulty"]
    assert bool((out > 0).all() and out.isfinite().all())


def test_bad_fields():
    with pytest.raises(GuerdonError, match="outliers must be positive"):
        DifficultyWeight(outliers=0.0)

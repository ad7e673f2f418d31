"""Answer entropy, accuracy discounted by it, and the blend of two advantages."""

import math

import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.answer_consistency import ConsistentAccuracy, EntropyBlend
from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged

NAN = math.nan


def consistency(rewards, answers):
    out = ConsistentAccuracy()(ragged(rewards, columns={"traj.answer": answers}))
    return out["group.answer_entropy"].tolist(), out["group.consistent_accuracy"].tolist()


def test_golden():
    entropy, accuracy = consistency([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]], list("aaaaabcdaabb"))
    assert entropy == pytest.approx([0, 2, 1])
    # All different answers count 1/G; lam = (1 - 1/4) / 2.
    assert accuracy == pytest.approx([1, 0.25 / 4, 0.5 * (1 - 0.375)])


def test_answers_of_other_prompts_are_other_answers():
    assert consistency([[1, 1], [0, 0]], list("aaaa"))[0] == [0, 0]


def test_unreadable_answers_are_one_class_and_unscored_ones_none():
    entropy, accuracy = consistency([[1, 0, 0, NAN], [NAN]], ["a", None, None, "b", "a"])
    third = -(2 / 3) * math.log2(2 / 3) - (1 / 3) * math.log2(1 / 3)
    lam = (1 - 1 / 3) / math.log2(3)
    assert entropy == pytest.approx([third, 0])
    assert accuracy == pytest.approx([(1 - lam * third) / 3, NAN], nan_ok=True)


def test_a_group_of_one_is_consistent():
    assert consistency([[0.5]], ["a"]) == ([0], [0.5])


@given(batch=batches())
def test_entropy_lies_between_unanimous_and_all_different(batch):
    batch = batch.with_columns({"traj.answer": [number % 2 for number in range(batch.size("traj"))]})
    out = ConsistentAccuracy()(batch)
    entropy = out["group.answer_entropy"]
    assert bool(((entropy >= 0) & (entropy <= 1 + 1e-9)).all())
    assert bool((out["group.consistent_accuracy"].isfinite() | (entropy == 0)).all())


def blended(piece, rewards, answers):
    batch = ragged(rewards, columns={"traj.answer": answers})
    batch = batch.with_columns({"traj.advantage": torch.ones(batch.size("traj")).double()})
    batch = batch.with_columns(ConsistentAccuracy()(batch))
    batch = batch.with_columns({"group.global_advantage": torch.full((batch.size("group"),), 2.0)})
    return {name: values.tolist() for name, values in piece(batch).items()}


def test_the_two_weights_sum_to_one():
    weight = 1 / (1 + math.exp(-2 * (1 - 0.25)))
    got = blended(EntropyBlend(steepness=2.0, center=0.25), [[1, 0]], ["a", "b"])
    assert got["traj.advantage"] == pytest.approx([weight] * 2)
    assert got["traj.global_advantage"] == pytest.approx([2 * (1 - weight)] * 2)


def test_forced_gives_all_to_the_other_where_the_local_advantage_is_zero():
    batch = ragged([[1, 1], [0, 1]], columns={"traj.answer": list("abab")})
    for piece in (Standardize(), ConsistentAccuracy()):
        batch = batch.with_columns(piece(batch))
    batch = batch.with_columns({"group.global_advantage": torch.tensor([3.0, 5.0])})
    hard = EntropyBlend(soft=False)(batch)
    assert hard["traj.global_advantage"].tolist() == [3, 3, 0, 0]
    assert torch.equal(hard["traj.advantage"], batch["traj.advantage"])
    soft = EntropyBlend(forced=False)(batch)
    assert soft["traj.global_advantage"].tolist() == pytest.approx(
        [3 / (1 + math.exp(0.5))] * 2 + [5 / (1 + math.exp(0.5))] * 2
    )


def test_unscored_responses_have_neither():
    batch = ragged([[1, NAN, 0]], columns={"traj.answer": list("abc")})
    for piece in (Standardize(), ConsistentAccuracy()):
        batch = batch.with_columns(piece(batch))
    batch = batch.with_columns({"group.global_advantage": torch.tensor([3.0])})
    out = EntropyBlend()(batch)
    assert (out["traj.advantage"][1], out["traj.global_advantage"][1]) == (0, 0)


def test_one_of_the_two_rules_is_needed():
    with pytest.raises(GuerdonError, match="soft, forced or both"):
        EntropyBlend(soft=False, forced=False)

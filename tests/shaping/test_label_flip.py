"""Seeded label noise: what is drawn once, what stays as it was."""

import math

import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.label_flip import LabelFlip

NAME = "traj.reward/correct"


def flipped(piece, outcomes, problems=None, step=0, seed=0, **columns):
    flat = [value for group in outcomes for value in group]
    ids = torch.tensor(list(range(len(outcomes))) if problems is None else problems)
    batch = ragged(outcomes, columns={NAME: flat, "group.problem_id": ids, **columns})
    return piece(batch.with_run(step=step, seed=seed))[NAME]


def test_always_and_never():
    outcomes = [[1.0, 0.0, 0.25, math.nan]]
    assert flipped(LabelFlip(0.0), outcomes).tolist()[:3] == [1.0, 0.0, 0.25]
    got = flipped(LabelFlip(1.0), outcomes).tolist()
    assert got[:3] == [0.0, 1.0, 0.75] and math.isnan(got[3])


def test_a_group_is_flipped_as_a_whole_and_anew_in_each_step():
    outcomes = [[0.0] * 4] * 200
    first, later = (flipped(LabelFlip(0.4), outcomes, step=step).view(200, 4) for step in (0, 1))
    for each in (first, later):
        assert bool((each == each[:, :1]).all())
        assert abs(float(each[:, 0].mean()) - 0.4) < 4 * math.sqrt(0.24 / 200)
    assert not torch.equal(first, later)
    assert torch.equal(first, flipped(LabelFlip(0.4), outcomes, step=0).view(200, 4))
    assert not torch.equal(first, flipped(LabelFlip(0.4), outcomes, step=0, seed=1).view(200, 4))


def test_a_wrong_label_of_a_problem_stays_wrong():
    outcomes = [[0.0, 0.0]] * 100
    piece = LabelFlip(0.5, per="problem")
    first, later = (flipped(piece, outcomes, step=step) for step in (0, 7))
    assert torch.equal(first, later) and 0 < float(first.mean()) < 1
    backwards = flipped(piece, outcomes, problems=list(range(99, -1, -1)))
    assert torch.equal(backwards.view(100, 2).flip(0).flatten(), first)


def test_responses_are_flipped_one_by_one():
    got = flipped(LabelFlip(0.3, per="response"), [[0.0] * 500, [0.0] * 500]).view(2, 500)
    assert bool(((got.mean(1) - 0.3).abs() < 4 * math.sqrt(0.21 / 500)).all())
    assert not torch.equal(got[0], got[1])


def test_an_answer_that_cannot_be_read_stays_wrong():
    piece = LabelFlip(1.0, readable="traj.reward/format")
    assert "traj.reward/format" in piece.reads
    got = flipped(piece, [[0.0, 0.0, 1.0]], **{"traj.reward/format": [1.0, 0.0, 0.0]})
    assert got.tolist() == [1.0, 0.0, 1.0]


@given(batch=batches())
def test_any_shape(batch):
    outcome = batch["traj.reward/task"]
    piece = LabelFlip(1.0, column="traj.reward/task")
    got = piece(batch.with_run(step=3, seed=4))["traj.reward/task"]
    torch.testing.assert_close(got, 1 - outcome, equal_nan=True)


def test_range():
    with pytest.raises(GuerdonError, match=r"probability must lie in 0\.\.1, got 1.5"):
        LabelFlip(1.5)

"""A product of exponentials over the errors of a step."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.tracking import SIMILARITY, TRACKING, Tracking, log_similarity


def reward(piece, errors):
    columns = {f"{piece.of}/{name}": torch.tensor(values, dtype=torch.float64) for name, values in errors.items()}
    count = len(next(iter(errors.values())))
    return piece(batch_of([1], [count], columns=columns))[piece.output].tolist()


def test_by_hand():
    piece = Tracking({"position": 20.0, "object": 1.0})
    got = reward(piece, {"position": [0.0, 0.05, 0.1, math.nan], "object": [0.0, 1.0, 0.0, 0.0]})
    assert got == pytest.approx([1.0, math.exp(-2), math.exp(-2), math.nan], nan_ok=True)


@given(st.lists(st.floats(0, 0.2), min_size=len(TRACKING), max_size=len(TRACKING)))
def test_it_is_the_product_of_its_factors_and_no_factor_is_above_the_product(values):
    errors = dict(zip(TRACKING, values, strict=True))
    got = reward(Tracking(), {name: [value] for name, value in errors.items()})[0]
    factors = [math.exp(-TRACKING[name] * value) for name, value in errors.items()]
    assert got == pytest.approx(math.prod(factors)) and got <= min(factors) + 1e-12


def test_other_levels_and_no_rows():
    piece = Tracking({"x": 1.0}, of="traj.gap", output="traj.reward/track")
    batch = batch_of([2], columns={"traj.gap/x": torch.tensor([0.0, math.log(2)])})
    assert piece(batch)["traj.reward/track"].tolist() == pytest.approx([1.0, 0.5])
    assert reward(Tracking({"x": 1.0}), {"x": []}) == []


def test_similarity_in_logs_does_not_vanish():
    errors = {"position": torch.tensor([10.0]), "velocity": torch.tensor([3.0])}
    assert log_similarity(errors, SIMILARITY).tolist() == pytest.approx([-200.3])
    with pytest.raises(GuerdonError, match="a weight for every error"):
        log_similarity({"color": torch.tensor([1.0])}, SIMILARITY)
    with pytest.raises(GuerdonError, match="a weight for every error"):
        log_similarity({}, SIMILARITY)


def test_bad_fields():
    for weights in ({}, {"x": -1.0}, {"x": math.inf}, {"x": math.nan}):
        with pytest.raises(GuerdonError, match=r"Tracking\.weights must be"):
            Tracking(weights)
    with pytest.raises(GuerdonError, match=r"must be of the level of step\.error, got traj\.reward"):
        Tracking(output="traj.reward")

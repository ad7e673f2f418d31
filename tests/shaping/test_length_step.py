import math

import pytest

from guerdon.papers._bench import ragged
from guerdon.shaping.length_step import LengthStep

RIGHT, LENGTHS = [1.0, 1.0, 0.0, 0.0, math.nan], [10, 30, 10, 30, 30]


def step(**fields) -> list[float]:
    columns = {
        "traj.reward/correct": RIGHT,
        "traj.repeats": [False, False, False, False, False],
        "group.target": [20.0],
    }
    piece = LengthStep(**{"target": 20, **fields})
    return piece(ragged([RIGHT], LENGTHS, columns))["traj.reward/length"].tolist()


def test_modes():
    assert step() == [0.5, 0, 0, 0, 0]
    assert step(mode="penalty") == [0, -0.5, 0, 0, 0]
    assert step(mode="hybrid", alpha=0.25) == [0.25, -0.25, 0, 0, 0]


def test_the_target_may_be_a_column_and_is_within_itself():
    assert step(target="group.target") == [0.5, 0, 0, 0, 0]
    assert step(target=10) == [0.5, 0, 0, 0, 0] and step(target=9) == [0] * 5
    assert LengthStep("group.target", explore="traj.repeats").reads == (
        "traj.reward/correct",
        "group.target",
        "traj.repeats",
    )


def test_long_wrong_answers_explore_unless_they_repeat():
    assert step(explore="traj.repeats") == [0.5, 0, 0, 0.5, 0]
    columns = {"traj.reward/correct": [0.0, 0.0], "traj.repeats": [True, False]}
    got = LengthStep(20, explore="traj.repeats")(ragged([[0.0, 0.0]], [30, 30], columns))
    assert got["traj.reward/length"].tolist() == pytest.approx([0, 0.5])

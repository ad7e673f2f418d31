import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.gate import Gate

NAME = "traj.reward/bonus"


def gated(piece, deciding, values):
    batch = ragged([deciding], columns={"traj.reward/correct": deciding, NAME: values})
    return piece(batch)[NAME].tolist()


def test_sides():
    outcomes, values = [0.0, 0.5, 1.0], [0.2, 0.4, 0.6]
    assert gated(Gate(NAME, high=0.5), outcomes, values) == [0.2, 0, 0]
    assert gated(Gate(NAME, low=0.5), outcomes, values) == [0, 0.4, 0.6]
    assert gated(Gate(NAME, low=0.5, high=1.0, factor=2.0), outcomes, values) == [0, 0.8, 0]


def test_unscored():
    got = gated(Gate(NAME, high=0.5), [math.nan, 1.0, 0.0], [0.1, math.nan, math.nan])
    assert math.isnan(got[0]) and got[1] == 0 and math.isnan(got[2])


def test_limits():
    with pytest.raises(GuerdonError, match="must be a number, got None twice"):
        Gate(NAME)
    with pytest.raises(GuerdonError, match=r"low must be below high, got 1\.0 and 0\.5"):
        Gate(NAME, low=1.0, high=0.5)

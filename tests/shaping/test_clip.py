import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.clip import Clip


def test_golden():
    batch = ragged([[-2, 0.5, 7, math.nan]])
    got = Clip(-1, 1)(batch)["traj.reward"].tolist()
    assert got[:3] == [-1, 0.5, 1]
    assert math.isnan(got[3])
    assert Clip(None, 2)(batch)["traj.reward"].tolist()[:3] == [-2, 0.5, 2]


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"Clip.low or high must be a number, got None twice"):
        Clip(None, None)
    with pytest.raises(GuerdonError, match=r"Clip.low must not exceed high, got 2 and 1"):
        Clip(2, 1)


def test_any_column_is_read_and_written_in_place():
    batch = ragged([[0.0, 0.0]], columns={"traj.advantage": [-9.0, 2.0]})
    piece = Clip(-3.0, 3.0, "traj.advantage")
    assert piece.reads == piece.writes == ("traj.advantage",)
    assert piece(batch)["traj.advantage"].tolist() == [-3.0, 2.0]

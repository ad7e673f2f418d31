import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.length_cap import LengthCap


def test_one_cap():
    got = LengthCap((20,))(ragged([[1, 1, -1, math.nan]], [20, 21, 21, 30]))["traj.reward"].tolist()
    assert got[:3] == [1, 0, 0] and math.isnan(got[3])


def test_the_cap_falls_where_the_group_is_solved():
    rewards = [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0, 0.0]]
    flat = [reward for group in rewards for reward in group]
    batch = ragged(rewards, [15] * 7, {"traj.reward/correct": flat})
    piece = LengthCap((20, 15, 10), (0.5, 1.0))
    assert piece(batch)["traj.reward"].tolist() == [0, 0, 1, 0, 1, 0, 0]
    assert piece.reads == ("traj.reward", "traj.reward/correct") and LengthCap().reads == ("traj.reward",)


def test_range():
    with pytest.raises(GuerdonError, match="one limit more than thresholds"):
        LengthCap((20, 10))

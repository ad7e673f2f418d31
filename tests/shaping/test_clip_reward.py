import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.clip_reward import ClipReward


def test_golden():
    batch = ragged([[-2, 0.5, 7, math.nan]])
    got = ClipReward(-1, 1)(batch)["traj.reward"].tolist()
    assert got[:3] == [-1, 0.5, 1]
    assert math.isnan(got[3])
    assert ClipReward(None, 2)(batch)["traj.reward"].tolist()[:3] == [-2, 0.5, 2]


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"ClipReward.low or high must be a number, got None twice"):
        ClipReward(None, None)
    with pytest.raises(GuerdonError, match=r"ClipReward.low must not exceed high, got 2 and 1"):
        ClipReward(2, 1)

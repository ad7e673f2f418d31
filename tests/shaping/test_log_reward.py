import math

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.shaping.log_reward import LogReward


def shaped(reward: list[float], piece: LogReward) -> list[float]:
    rows = torch.arange(len(reward))
    batch = Batch.build({"traj.reward": torch.tensor(reward)}, traj_of_step=rows, group_of_traj=rows)
    column = piece(batch)["traj.log_reward"]
    assert isinstance(column, torch.Tensor)
    return column.tolist()


def test_values_exponent_and_floor():
    assert shaped([1.0, 0.0, math.e], LogReward(beta=2.0, clip_min=-3.0)) == pytest.approx([0.0, -6.0, 2.0])


def test_unscored_stays_unscored():
    assert math.isnan(shaped([math.nan, 1.0], LogReward())[0])


def test_negative_rewards_are_refused():
    with pytest.raises(GuerdonError, match=r"at least 0, got -0\.5"):
        shaped([1.0, -0.5], LogReward())

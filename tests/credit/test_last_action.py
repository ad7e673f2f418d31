import math

import torch

from guerdon.batch import Batch
from guerdon.credit.last_action import LastAction
from guerdon.papers._bench import ragged


def test_last_action_places_the_outcome():
    batch = ragged([[1, math.nan], [3]], [2, 1, 0])
    got = LastAction()(batch)["action.reward"].tolist()
    assert got[:2] == [0, 1]
    assert math.isnan(got[2])


def test_last_step_of_a_conversation():
    batch = Batch.build(
        {"traj.reward": torch.tensor([2.0])},
        step_of_token=torch.tensor([0, 1, 1]),
        traj_of_step=torch.tensor([0, 0]),
        group_of_traj=torch.tensor([0]),
    )
    assert LastAction(level="step")(batch)["step.reward"].tolist() == [0, 2]

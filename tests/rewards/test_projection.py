import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.rewards.projection import Projection

BATCH = Batch.build(
    {"traj.sample": torch.tensor([[1.0, 2.0], [-1.0, 0.5]])},
    traj_of_step=torch.tensor([0, 1]),
    group_of_traj=torch.tensor([0, 0]),
)


def test_dot_product():
    assert Projection((2.0, -1.0))(BATCH)["traj.reward/projection"].tolist() == [0.0, -2.5]  # pyright: ignore


def test_wrong_dimension():
    with pytest.raises(GuerdonError, match="must have 2 numbers, one per dimension of the samples, got 1"):
        Projection()(BATCH)

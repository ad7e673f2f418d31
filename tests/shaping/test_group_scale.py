import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.group_scale import GroupScale


def test_golden():
    batch = ragged([[1.0, 0.0], [2.0, float("nan"), -1.0]], columns={"group.weight": [3.0, 0.5]})
    got = torch.as_tensor(GroupScale("group.weight")(batch)["traj.reward"])
    assert got[:3].tolist() == [3.0, 0.0, 1.0] and bool(got[3].isnan()) and float(got[4]) == -0.5


@given(batch=batches())
def test_it_does_nothing_but_scale_each_group_and_the_group_std_takes_it_out(batch):
    weight = 2.0 ** torch.arange(batch.size("group"), dtype=torch.float64)
    # Quarters, so that eps does not speak.
    batch = batch.with_columns({"group.weight": weight, "traj.reward": (batch["traj.reward"] * 4).round() / 4})
    piece = GroupScale("group.weight")
    scaled = batch.with_columns(piece(batch))
    of_traj = weight[batch.index("traj", "group")]
    torch.testing.assert_close(scaled["traj.reward"], batch["traj.reward"] * of_traj, equal_nan=True)
    left, right = (torch.as_tensor(Standardize()(each)["traj.advantage"]) for each in (batch, scaled))
    torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-5)


def test_bad_input():
    with pytest.raises(GuerdonError, match="must be a column of the level group"):
        GroupScale("traj.weight")
    with pytest.raises(GuerdonError, match=r"group.weight must be positive to scale a reward, got 0"):
        GroupScale("group.weight")(ragged([[1.0]], columns={"group.weight": [0.0]}))

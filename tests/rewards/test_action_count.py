import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.action_count import ActionCount


def test_counts_all_or_some_actions_up_to_the_scale():
    batch = batch_of([3], None, [3, 0, 1], columns={"token.id": torch.tensor([2, 1, 2, 1])})
    assert ActionCount(4.0)(batch)["traj.reward/count"].tolist() == [0.75, 0.0, 0.25]
    out = ActionCount(1.0, ids=(2,), name="filler")(batch)
    assert out["traj.reward/filler"].tolist() == [1.0, 0.0, 0.0]


def test_what_it_reads_and_refuses():
    assert ActionCount(1.0).reads == () and ActionCount(1.0, ids=(2,)).reads == ("action.id",)
    with pytest.raises(GuerdonError, match="scale must be positive, got 0"):
        ActionCount(0.0)

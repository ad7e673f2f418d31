import pytest
import torch
from strategies import batch_of

from guerdon.advantages.size_weight import SizeWeight
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def weights(sizes, **fields):
    batch = ragged([[0.0]] * len(sizes), columns={"group.size": sizes})
    return SizeWeight(**fields)(batch)["group.weight"].tolist()


def test_golden():
    # Mean 100: ratios 1, 4 and 100/175.
    assert weights([100.0, 25.0, 175.0]) == pytest.approx([1.0, 2.0, (100 / 175) ** 0.5])
    assert weights([1600.0, 0.0], low=0.1, high=9.0) == pytest.approx([0.5**0.5, 9.0])
    assert weights([1.0, 1.0, 1.0, 997.0])[::3] == [2.0, pytest.approx((250 / 997) ** 0.5)]
    assert weights([1.0] * 9 + [991.0])[9] == 0.5
    assert SizeWeight()(batch_of([], columns={"group.size": torch.zeros(0)}))["group.weight"].tolist() == []


def test_bad_input():
    with pytest.raises(GuerdonError, match="0 <= low <= high"):
        SizeWeight(low=3.0)
    with pytest.raises(GuerdonError, match="level group"):
        SizeWeight(column="traj.size")
    with pytest.raises(GuerdonError, match="sizes of 0 or more, got -1"):
        weights([-1.0, 2.0])
    assert "gives the weight 1 to every group" in SizeWeight(low=1.0, high=1.0).moot

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.value_clip import ValueClip
from guerdon.papers._bench import ragged


def one(value, old, target, **fields):
    current = torch.tensor([value], dtype=torch.float64, requires_grad=True)
    columns = {"action.value": current, "action.old_value": [old], "action.return": [target]}
    rows = ValueClip(**fields)(ragged([[0]], columns=columns))
    rows.values.sum().backward()
    assert rows.metrics["value_error"].tolist() == pytest.approx([(value - target) ** 2])
    return rows.values.item(), current.grad.item()


def test_golden():
    assert one(0.2, 0.0, 1.0) == pytest.approx((0.5 * 0.64, -0.8))
    # Moved 0.8 towards the target where 0.5 are allowed: the clipped error 0.5^2 is the larger one, without gradient.
    assert one(0.8, 0.0, 1.0) == pytest.approx((0.5 * 0.25, 0.0))
    # Moved away: the plain error is the larger one.
    assert one(-0.8, 0.0, 1.0) == pytest.approx((0.5 * 3.24, -1.8))
    assert one(0.8, 0.0, 1.0, clip=None) == pytest.approx((0.5 * 0.04, -0.2))
    assert one(0.3, 0.3, 1.0) == pytest.approx((0.5 * 0.49, -0.7))


def test_only_where_the_column_is_true():
    value = torch.tensor([0.2, 0.2, 0.5], dtype=torch.float64, requires_grad=True)
    columns = {"action.value": value, "action.return": [1.0] * 3, "traj.finished": [True, False]}
    rows = ValueClip(clip=None, where="traj.finished")(ragged([[0.0, 0.0]], [2, 1], columns))
    rows.values.sum().backward()
    assert rows.values.tolist() == pytest.approx([0.32, 0.32, 0]) and value.grad.tolist()[2] == 0
    assert rows.metrics["value_error"].tolist() == pytest.approx([0.64, 0.64])


def test_reads_and_range():
    assert ValueClip(clip=None, where="traj.finished").reads[-1] == "traj.finished"
    assert ValueClip(clip=None).reads == ("action.value", "action.return")
    assert ValueClip().reads[-1] == "action.old_value"
    with pytest.raises(GuerdonError, match=r"ValueClip.clip must be positive or None, got 0"):
        ValueClip(clip=0)

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.metrics.action_f1 import ActionF1, action_f1
from guerdon.papers._bench import ragged


def test_commands_weigh_the_same_however_frequent_they_are():
    commanded, read = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 1])
    assert action_f1(commanded, read) == pytest.approx(((1 + 1 / 2) / 2, (2 / 3 + 1) / 2, (4 / 5 + 2 / 3) / 2))


def test_buttons():
    commanded, read = torch.tensor([[1, 0], [1, 1], [0, 0]]), torch.tensor([[1, 0], [0, 1], [0, 1]])
    assert action_f1(commanded, read) == pytest.approx((3 / 4, 3 / 4, 2 / 3))
    assert action_f1(commanded[:, :1] * 0, read[:, :1]) is None


def test_a_command_that_is_only_read_lowers_the_others():
    assert action_f1(torch.tensor([2, 2]), torch.tensor([2, 3])) == pytest.approx((1, 1 / 2, 2 / 3))


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_reading_everything_right_is_1_and_everything_wrong_0(numbers):
    commanded = torch.tensor(numbers)
    assert action_f1(commanded, commanded) == (1, 1, 1)
    assert action_f1(commanded, commanded + 10) == (0, 0, 0)


def test_what_it_logs():
    columns = {"token.commanded": torch.tensor([1, 2]), "token.read": torch.tensor([1, 1])}
    got = ActionF1()(ragged([[0.0]], [2], columns))
    assert got == pytest.approx({"action_precision": 1 / 4, "action_recall": 1 / 2, "action_f1": 1 / 3})
    empty = {"token.commanded": torch.zeros(0, dtype=torch.int64), "token.read": torch.zeros(0, dtype=torch.int64)}
    assert ActionF1()(ragged([[0.0]], [0], empty)) == {}

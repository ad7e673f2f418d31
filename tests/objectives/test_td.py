import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.td import TemporalDifference


def batch_of(q: torch.Tensor, terminated: list[bool]) -> Batch:
    each = torch.arange(len(q))
    columns = {
        "step.reward": torch.tensor([1.0, 1.0]),
        "step.terminated": torch.tensor(terminated),
        "step.q": q,
        "step.next_value": torch.tensor([10.0, 10.0]),
    }
    return Batch.build(columns, traj_of_step=each, group_of_traj=each)


def test_numbers_by_hand():
    rows = TemporalDifference(discount=0.9)(batch_of(torch.tensor([[9.0, 12.0], [1.0, 3.0]]), [False, True]))
    # Targets 1 + .9 * 10 = 10 and 1; squared errors (1, 4) and (0, 4), averaged over the critics, not summed.
    assert rows.metrics["td/target"].tolist() == [10, 1]
    torch.testing.assert_close(rows.values, torch.tensor([2.5, 2.0]))
    torch.testing.assert_close(
        TemporalDifference(discount=0.9, coef=2.0)(batch_of(torch.tensor([[9.0], [1.0]]), [False, True])).values,
        torch.tensor([2.0, 0.0]),
    )


def test_the_next_value_may_be_another_column():
    piece = TemporalDifference(discount=0.5, next_value="action.next_policy_q")
    batch = batch_of(torch.zeros(2, 1), [False, True]).with_columns({"step.next_policy_q": torch.tensor([4.0, 4.0])})
    assert piece.reads[-1] == "action.next_policy_q" and piece(batch).values.tolist() == [9.0, 1.0]


def test_only_the_critics_have_a_gradient():
    q = torch.zeros(2, 2, requires_grad=True)
    batch = batch_of(q, [False, False])
    next_value = torch.tensor([1.0, 2.0], requires_grad=True)
    TemporalDifference()(batch.with_columns({"step.next_value": next_value})).values.sum().backward()
    assert next_value.grad is None and bool(q.grad.all())


def test_the_discount_lies_inside():
    with pytest.raises(GuerdonError, match=r"TemporalDifference.discount must lie in 0..1, got 1.5"):
        TemporalDifference(discount=1.5)

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.expectile import ExpectileValue, expectile_loss
from guerdon.solvers.mdp import expectile


def batch_of(value: torch.Tensor, target: torch.Tensor) -> Batch:
    each = torch.arange(len(value))
    return Batch.build({"step.value": value, "step.target_q": target}, traj_of_step=each, group_of_traj=each)


def test_numbers_by_hand():
    error = torch.tensor([1.0, -1.0, 2.0, 0.0], dtype=torch.float64)
    expected = torch.tensor([0.7, 0.3, 2.8, 0.0], dtype=torch.float64)
    torch.testing.assert_close(expectile_loss(error, 0.7), expected, rtol=0, atol=1e-15)
    rows = ExpectileValue(tau=0.7, coef=2.0)(batch_of(torch.zeros(4).double(), error))
    assert rows.level == "action"
    torch.testing.assert_close(rows.values, 2 * expected)
    torch.testing.assert_close(rows.metrics["expectile/loss"], expected)


def test_one_half_is_half_the_squared_error():
    error = torch.linspace(-3, 3, 7, dtype=torch.float64)
    torch.testing.assert_close(expectile_loss(error, 0.5), error**2 / 2)


@pytest.mark.parametrize("tau", [0.1, 0.5, 0.7, 0.95])
def test_descent_on_a_value_ends_at_the_expectile_of_the_data(tau):
    target = torch.tensor([0.0, 1.0, 1.0, 4.0, -2.0], dtype=torch.float64)
    value = torch.zeros((), dtype=torch.float64, requires_grad=True)
    for _ in range(400):
        loss = ExpectileValue(tau)(batch_of(value.expand(5), target)).values.mean()
        (gradient,) = torch.autograd.grad(loss, value)
        value = (value - 0.5 * gradient).detach().requires_grad_()
    exact = expectile(target[None], torch.ones(1, 5), tau)
    torch.testing.assert_close(value.detach(), exact[0], atol=1e-9, rtol=0)


def test_the_target_has_no_gradient():
    value, target = torch.zeros(3, requires_grad=True), torch.ones(3, requires_grad=True)
    ExpectileValue()(batch_of(value, target)).values.sum().backward()
    assert target.grad is None and value.grad is not None
    torch.testing.assert_close(value.grad, torch.full((3,), -1.4))


@pytest.mark.parametrize("tau", [0.0, 1.0, -0.1])
def test_tau_lies_inside(tau):
    with pytest.raises(GuerdonError, match=r"ExpectileValue.tau must lie between 0 and 1, got"):
        ExpectileValue(tau)

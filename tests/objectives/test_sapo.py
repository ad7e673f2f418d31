import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.sapo import SAPO
from guerdon.papers._bench import ragged


def one(rho, advantage, **fields):
    logprob = torch.tensor([math.log(rho)], dtype=torch.float64, requires_grad=True)
    columns = {"action.logprob": logprob, "action.old_logprob": [0.0], "action.advantage": [advantage]}
    loss = SAPO(**fields)(ragged([[0]], columns=columns)).values
    loss.sum().backward()
    return loss.item(), logprob.grad.item()


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


@pytest.mark.parametrize(("advantage", "tau"), [(2.0, 1.0), (-2.0, 1.05), (0.0, 1.05)])
@pytest.mark.parametrize("rho", [0.3, 1.0, 1.7])
def test_golden(rho, advantage, tau):
    gate = sigmoid(tau * (rho - 1))
    loss, slope = one(rho, advantage)
    assert loss == pytest.approx(-advantage * 4 / tau * gate)
    assert slope == pytest.approx(-advantage * 4 * gate * (1 - gate) * rho)


@pytest.mark.parametrize("tau", [0.5, 1.0, 7.0])
def test_slope_on_policy_is_the_policy_gradient(tau):
    assert one(1.0, 3.0, tau_positive=tau)[1] == pytest.approx(-3)


def test_taus_are_positive():
    with pytest.raises(GuerdonError, match=r"SAPO needs positive taus, got 0 and 1.05"):
        SAPO(tau_positive=0)

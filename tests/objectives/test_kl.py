import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.objectives.kl import KLPenalty, kl_estimate
from guerdon.papers._bench import ragged


def double(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_golden():
    difference = double(0.0, 1.0, -2.0)
    assert kl_estimate(difference, "k1").tolist() == [0, 1, -2]
    assert kl_estimate(difference, "abs").tolist() == [0, 1, 2]
    assert kl_estimate(difference, "k2").tolist() == [0, 0.5, 2]
    assert kl_estimate(difference, "k3").tolist() == pytest.approx([0, math.exp(-1), math.exp(2) - 3])


def test_bounds_of_k3():
    assert kl_estimate(double(-800.0), "k3", 20.0, 10.0).tolist() == [10]
    assert kl_estimate(double(-800.0), "k3", 20.0).item() == pytest.approx(math.exp(20) - 21)
    assert kl_estimate(double(-3.0), "k3", 20.0, 10.0).item() == pytest.approx(10)


@given(st.floats(-50, 50))
def test_k3_is_never_negative(difference):
    assert kl_estimate(double(difference), "k3").item() >= 0


def test_as_values_k1_and_k3_are_unbiased():
    """Exactly, over all actions of a policy; k2 is not."""
    policy, reference = double(0.5, 0.3, 0.2), double(0.2, 0.2, 0.6)
    difference = (policy / reference).log()
    true = (policy * difference).sum().item()
    mean = {name: (policy * kl_estimate(difference, name)).sum().item() for name in ("k1", "k2", "k3")}
    assert mean["k1"] == pytest.approx(true)
    assert mean["k3"] == pytest.approx(true)
    assert abs(mean["k2"] - true) > 1e-3


def loss_and_slope(piece, difference):
    logprob = double(difference).requires_grad_()
    columns = {"action.logprob": logprob, "action.ref_logprob": [0.0], "action.old_logprob": [0.3]}
    loss = piece(ragged([[0]], columns=columns)).values
    loss.sum().backward()
    return loss.item(), logprob.grad.item()


@pytest.mark.parametrize(
    ("fields", "value", "slope"),
    [
        ({"estimator": "k1"}, 0.5, 1.0),
        ({"estimator": "k2"}, 0.125, 0.5),
        ({"estimator": "k3"}, math.exp(-0.5) - 0.5, 1 - math.exp(-0.5)),
        ({"estimator": "k3", "straight_through": True}, math.exp(-0.5) - 0.5, 0.5),
        ({"estimator": "k1", "straight_through": True}, 0.5, 0.5),
        (
            {"estimator": "k3", "importance_correction": True},
            (math.exp(-0.5) - 0.5) * math.exp(0.2),
            (math.exp(-0.5) - 0.5) * math.exp(0.2) + (1 - math.exp(-0.5)) * math.exp(0.2),
        ),
    ],
)
def test_penalty(fields, value, slope):
    got = loss_and_slope(KLPenalty(coef=2.0, **fields), 0.5)
    assert got == pytest.approx((2 * value, 2 * slope))


def test_metric_is_without_coef_and_over_trained_actions():
    columns = {"action.logprob": [1.0, 5.0], "action.ref_logprob": [0.0, 0.0], "action.mask": [True, False]}
    rows = KLPenalty(coef=0.1, estimator="k1")(ragged([[0, 0]], columns=columns))
    assert rows.metrics["kl"].tolist() == [1.0]


def test_reads_follow_the_reference():
    assert KLPenalty(reference="old").reads == ("action.logprob", "action.old_logprob")

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.solvers.reward_blend import blend, blended, condition, implicit_gradient, outer, settle

ARMS = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=5)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_two_arms_by_hand():
    # theta = (x, -x) with p = sigmoid(2x): p (1 - p) (r_1 - r_2) = lam x.
    theta = settle(tensor([1.0, 0.0]), 0.5)
    p = float(theta.softmax(0)[0])
    assert float(theta.sum()) == pytest.approx(0.0, abs=1e-12)
    assert p * (1 - p) == pytest.approx(0.5 * float(theta[0]), abs=1e-12)
    assert outer(theta, tensor([1.0, 0.0])) == pytest.approx(p)


@settings(max_examples=30)
@given(ARMS, st.floats(0.2, 2))
def test_where_the_learner_settles_its_gradient_is_zero_and_autograd_agrees(arms, lam):
    reward = tensor(arms)
    theta = settle(reward, lam).requires_grad_()
    goal = (theta.softmax(0) * reward).sum() - lam / 2 * theta.square().sum()
    (slope,) = torch.autograd.grad(goal, theta)
    torch.testing.assert_close(slope, condition(theta.detach(), reward, lam))
    assert float(slope.abs().max()) < 1e-9


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_the_gradient_is_that_of_differences(seed):
    generator = torch.Generator().manual_seed(seed)
    primary, auxiliary = torch.rand((2, 4), generator=generator, dtype=torch.float64)
    phi = torch.rand(3, generator=generator, dtype=torch.float64)
    got = implicit_gradient(phi, primary, auxiliary, 0.5)
    for k, unit in enumerate(torch.eye(3, dtype=torch.float64)):
        up, down = (outer(settle(blended(phi + d * unit, primary, auxiliary), 0.5), primary) for d in (1e-4, -1e-4))
        assert float(got[k]) == pytest.approx((up - down) / 2e-4, abs=1e-6)


def test_the_norm_is_limited_and_a_useless_reward_is_left_alone():
    primary = tensor([1.0, 0.5, 0.0])
    free, held = (blend(primary, torch.zeros(3), 0.3, 20, 1.0, largest) for largest in (None, 1.0))
    assert float(free.phi[1]) > 1 and float(free.phi[2]) == pytest.approx(1.0)
    assert float(held.phi[1:].norm()) <= 1 + 1e-12


def test_without_a_regularizer_nothing_settles():
    with pytest.raises(GuerdonError, match="settle needs lam > 0"):
        settle(torch.ones(2), 0.0)

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.solvers.mdp import FiniteMDP, expectile


def two_state(discount: float = 0.9) -> FiniteMDP:
    """State 0: stay (pays 1) or move to state 1 (pays 0); state 1: stay (pays 2) or end (pays 5)."""
    transition = torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]])
    return FiniteMDP(transition, torch.tensor([[1.0, 0.0], [2.0, 5.0]]), discount)


def test_optimal_values_by_hand():
    # Staying in state 1 is worth 2 / (1 - .9) = 20; state 0: move, .9 * 20 = 18 > staying 1 + .9 * 18.
    expected = torch.tensor([[1 + 0.9 * 18, 18.0], [20.0, 5.0]], dtype=torch.float64)
    torch.testing.assert_close(two_state().optimal_q(), expected)


def test_policy_values_by_hand():
    uniform = torch.full((2, 2), 0.5)
    # V1 = (2 + .9 V1 + 5) / 2, V0 = (1 + .9 V0 + .9 V1) / 2
    v1 = 3.5 / 0.55
    v0 = (0.5 + 0.45 * v1) / 0.55
    torch.testing.assert_close(two_state().policy_value(uniform), torch.tensor([v0, v1], dtype=torch.float64))


def test_terminating_rows_have_no_future():
    ends = FiniteMDP(torch.zeros(1, 2, 1), torch.tensor([[3.0, 4.0]]), 1.0)
    assert ends.optimal_q().tolist() == [[3.0, 4.0]]


def test_expectile_by_hand():
    # Of {0, 1} with equal weights the tau-expectile m solves tau (1 - m) = (1 - tau) m, so m = tau.
    values, weights = torch.tensor([[0.0, 1.0]], dtype=torch.float64), torch.ones(1, 2)
    for tau in (0.1, 0.5, 0.7, 0.99):
        assert float(expectile(values, weights, tau)) == pytest.approx(tau, abs=1e-12)


@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(0.05, 1)), min_size=1, max_size=6), st.floats(0.02, 0.98))
def test_expectile_balances_the_weighted_errors(rows, tau):
    values = torch.tensor([[value for value, _ in rows]], dtype=torch.float64)
    weights = torch.tensor([[weight for _, weight in rows]], dtype=torch.float64)
    centre = float(expectile(values, weights, tau))
    error = values[0] - centre
    slope = (weights[0] * ((error < 0).double() * (1 - 2 * tau) + tau) * error).sum()
    assert math.isclose(float(slope), 0.0, abs_tol=1e-9)


def test_expectile_of_no_weight_is_zero():
    assert float(expectile(torch.tensor([[1.0, 2.0]], dtype=torch.float64), torch.zeros(1, 2), 0.7)) == 0.0


def test_expectile_values_lie_between_the_policy_and_the_optimum():
    mdp, uniform = two_state(), torch.full((2, 2), 0.5)
    torch.testing.assert_close(mdp.expectile_q(uniform, 0.5), mdp.policy_q(uniform))
    before = mdp.policy_q(uniform)
    for tau in (0.7, 0.9, 0.99):
        q = mdp.expectile_q(uniform, tau)
        assert bool((q >= before).all()) and bool((q <= mdp.optimal_q() + 1e-9).all())
        before = q
    assert float((mdp.expectile_q(uniform, 1 - 1e-6) - mdp.optimal_q()).abs().max()) < 1e-2

"""Regression of standardised log-ratios on advantages."""

import math

import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.standardize import Standardize
from guerdon.errors import GuerdonError
from guerdon.objectives.advantage_regression import AdvantageRegression
from guerdon.papers._bench import ragged


def at(ratios, rewards, lengths=None, **fields):
    ratios = torch.tensor(ratios, dtype=torch.float64, requires_grad=True)
    batch = ragged(rewards, lengths, {"token.old_logprob": [0.0] * len(ratios)})
    batch = batch.with_columns({"token.logprob": ratios, **Standardize(eps=0.0)(batch)})
    return AdvantageRegression(**fields)(batch).values, ratios


def test_any_positive_multiple_of_the_advantage_is_optimal():
    advantage = torch.tensor([1.5, -0.5, -0.5, -0.5])
    for scale, shift in ((3.7, 5.0), (0.1, -2.0)):
        loss, ratios = at((scale * advantage + shift).tolist(), [[1, 0, 0, 0]])
        assert loss.detach().abs().max() < 1e-12
        assert torch.autograd.grad(loss.sum(), ratios)[0].abs().max() < 1e-6


def test_the_wrong_sign_is_worst():
    loss, _ = at([-1.0, 1.0], [[1, 0]])
    assert loss.tolist() == pytest.approx([2.0, 2.0])  # (2 / sqrt(2))^2


def test_at_the_old_policy_it_is_a_policy_gradient_over_the_floor():
    loss, ratios = at([0.0] * 4, [[1, 0, 0, 0]], std_floor=0.5)
    advantage = torch.tensor([1.5, -0.5, -0.5, -0.5], dtype=torch.float64)
    torch.testing.assert_close(loss.detach(), advantage**2)
    torch.testing.assert_close(torch.autograd.grad(loss.sum(), ratios)[0], -2 * advantage / 0.5)


def test_ratios_are_summed_over_the_trained_actions_of_a_response():
    columns = {"token.logprob": [0.1, 0.3, 0.9, 0.4], "token.old_logprob": [0.0] * 4, "traj.advantage": [1.0, -1.0]}
    batch = ragged([[1.0, 0.0]], [3, 1], {**columns, "token.mask": torch.tensor([True, True, False, True])})
    assert AdvantageRegression()(batch).values.tolist() == pytest.approx([1.0, 1.0])  # both 0.4


def test_groups_of_equal_rewards_teach_nothing():
    loss, ratios = at([0.3, -0.2, 0.5], [[1, 1], [0]])
    assert loss.tolist() == [0, 0, 0]
    assert torch.autograd.grad(loss.sum(), ratios)[0].tolist() == [0, 0, 0]


def test_unscored_responses_take_no_part():
    with_lost, ratios = at([0.3, 9.0, -0.2, 0.1], [[1, math.nan, 0, 0]])
    without, _ = at([0.3, -0.2, 0.1], [[1, 0, 0]])
    assert with_lost[[0, 2, 3]].tolist() == pytest.approx(without.tolist()) and with_lost[1] == 0
    assert torch.autograd.grad(with_lost.sum(), ratios)[0][1] == 0


def test_a_detached_std_leaves_a_slope_along_the_advantage():
    ratios = [0.4, -0.1, -0.1, -0.2]
    advantage = torch.tensor([1.5, -0.5, -0.5, -0.5], dtype=torch.float64)
    slopes = []
    for detach in (False, True):
        loss, leaf = at(ratios, [[1, 0, 0, 0]], detach_std=detach)
        slopes.append(float((torch.autograd.grad(loss.sum(), leaf)[0] * leaf.detach()).sum()))
    assert slopes[0] == pytest.approx(0, abs=1e-9)  # scale-free: no slope along rho itself
    rho = torch.tensor(ratios, dtype=torch.float64)
    unit = (rho - rho.mean()) / rho.std()
    assert slopes[1] == pytest.approx(float((-2 * (advantage - unit) * unit).sum()))


@given(batch=batches())
def test_it_is_finite_on_ragged_groups(batch):
    logprob = batch["action.behavior_logprob"].clone().requires_grad_()
    batch = batch.with_columns(
        {"action.logprob": logprob, "action.old_logprob": torch.zeros_like(logprob), **Standardize()(batch)}
    )
    out = AdvantageRegression()(batch)
    assert bool(out.values.isfinite().all())
    (slope,) = torch.autograd.grad(out.values.sum(), logprob)
    assert bool(slope.isfinite().all())


def test_bad_fields():
    with pytest.raises(GuerdonError, match="std_floor > 0"):
        AdvantageRegression(std_floor=0.0)

import sys

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP
from guerdon.solvers.reward_design import (
    adapt_reward,
    adaptive_coefficients,
    backups,
    design_reward,
    gaps,
    grow_allowed,
    informativeness,
    is_invariant,
    margins,
    occupancy,
    self_shaping_gradient,
)
from guerdon.solvers.shaped_mdp import progress_chain, shaped


def chain(cells=5):
    mdp, _ = progress_chain(cells, 1.0, 0.9)
    mdp = FiniteMDP(mdp.transition[:, 1:], mdp.reward[:, 1:], 0.9)
    return mdp, torch.ones(cells, dtype=torch.int64)


def test_h_step_values_by_hand():
    mdp, target = chain(2)
    reward = mdp.reward.reshape(-1)
    assert (backups(mdp, target, 1) @ reward).tolist() == pytest.approx([0, 0, 0, 1])
    assert (backups(mdp, target, 2) @ reward).tolist() == pytest.approx([0, 0.9, 0, 1])
    assert (backups(mdp, target, None) @ reward).tolist() == pytest.approx([0.81, 0.9, 0.81, 1])


def test_margins_and_informativeness_by_hand():
    mdp, target = chain(2)
    delta, worse = margins(mdp, target)
    assert delta.tolist() == pytest.approx([0.09, 0.19]) and worse.tolist() == [[True, False]] * 2
    # At horizon 1 state 0 shows nothing of its .09, state 1 shows 1 of its .19.
    assert informativeness(mdp, mdp.reward, target, (1,)) == pytest.approx(-0.045)
    assert gaps(mdp, mdp.reward, target, None)[:, 1].abs().max() < 1e-12


def test_actions_as_good_as_the_target_enter_nothing():
    mdp = FiniteMDP(torch.zeros(1, 3, 1), torch.tensor([[1.0, 1.0, 0.5]]), 0.9)
    delta, worse = margins(mdp, torch.tensor([0]))
    assert delta.tolist() == pytest.approx([0.5]) and worse.tolist() == [[False, False, True]]
    with pytest.raises(GuerdonError, match="must be a best policy of the process, got a better action in state 0"):
        margins(mdp, torch.tensor([2]))


def test_a_designed_reward_is_invariant_and_tells_more():
    pytest.importorskip("scipy")
    mdp, target = chain()
    reward = design_reward(mdp, target, (1, 4), largest=10.0)
    assert is_invariant(mdp, reward, target)
    assert informativeness(mdp, reward, target, (1, 4)) == pytest.approx(0.0, abs=1e-9)
    sparse = design_reward(mdp, target, (1, 4), allowed=(4, 2))
    assert is_invariant(mdp, sparse, target) and float(sparse[[0, 1, 3]].abs().max()) == 0.0
    worth = [informativeness(mdp, each, target, (1, 4)) for each in (mdp.reward, sparse, reward)]
    assert worth == sorted(worth) and worth[0] < worth[1]


def test_no_other_reward_beats_the_program():
    pytest.importorskip("scipy")
    mdp, target = chain(4)
    best = informativeness(mdp, design_reward(mdp, target, (1, 2), allowed=(3, 0)), target, (1, 2))
    generator = torch.Generator().manual_seed(0)
    for _ in range(300):
        other = torch.zeros_like(mdp.reward)
        other[[3, 0]] = 2 * torch.randn((2, 2), generator=generator, dtype=torch.float64)
        if is_invariant(mdp, other, target, slack=0.0):
            assert informativeness(mdp, other, target, (1, 2)) <= best + 1e-9


def test_states_that_may_pay_grow_from_those_that_do():
    pytest.importorskip("scipy")
    mdp, target = chain()
    two, three = (grow_allowed(mdp, target, budget, (1, 4)) for budget in (2, 3))
    assert set(two) < set(three) and 4 in two and len(three) == 3


def test_what_cannot_be_is_an_error_that_names_the_state():
    pytest.importorskip("scipy")
    mdp, target = chain()
    with pytest.raises(GuerdonError, match=r"must let the target be best by its margin, got state \d"):
        design_reward(mdp, target, allowed=())
    with pytest.raises(GuerdonError, match=r"rewards up to 0\.01"):
        adapt_reward(mdp, target, torch.full((5, 2), 0.5), torch.eye(5)[0], largest=0.01)


def test_the_adaptive_reward_maximises_its_coefficients():
    pytest.importorskip("scipy")
    mdp, target = chain()
    learner, start = torch.full((5, 2), 0.5), torch.eye(5)[0]
    reward = adapt_reward(mdp, target, learner, start, largest=1.0)
    weights = adaptive_coefficients(mdp, target, learner, start)
    assert is_invariant(mdp, reward, target)
    value = shaped(mdp, mdp.optimal_q().amax(1)).reward
    assert float((weights * reward).sum()) >= float((weights * value).sum())


def test_occupancy_by_hand():
    mdp, target = chain(2)
    # One visit of state 0, then one of state 1 discounted.
    got = occupancy(mdp, torch.nn.functional.one_hot(target, 2), torch.tensor([1.0, 0.0]))
    assert got.tolist() == pytest.approx([1 / 1.9, 0.9 / 1.9])


def test_self_shaping_by_hand():
    policy = torch.tensor([[0.25, 0.75], [0.5, 0.5]])
    got = self_shaping_gradient(policy, torch.tensor([0, 0]), torch.tensor([0, 0]), torch.tensor([2.0, 2.0]))
    # c = .25 x 2, twice; less pi times both.
    assert got.tolist() == [[0.75, -0.75], [0.0, 0.0]]


def test_without_scipy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    mdp, target = chain()
    with pytest.raises(GuerdonError, match=r"needs the package scipy; pip install 'guerdon\[control\]'"):
        design_reward(mdp, target)

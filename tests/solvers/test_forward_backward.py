"""Every reward's best policy from one representation."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.solvers.forward_backward import ForwardBackward, normalized
from guerdon.tasks.maze import Maze


def corridor(states: int = 3, discount: float = 0.5) -> ForwardBackward:
    """Left and right along a line."""
    there = torch.stack([torch.arange(states) - 1, torch.arange(states) + 1], 1).clamp(0, states - 1)
    table = torch.zeros(states, 2, states).scatter(2, there[..., None], 1.0)
    return ForwardBackward(table, torch.full((states,), 1 / states), discount)


def test_the_successor_measure_by_hand():
    # Always right: from the middle, the last state is entered now and ever after, 1 + 1/2 + ... = 2.
    measure = corridor().forward(torch.tensor([1, 1, 1]))
    assert measure[1, 1].tolist() == pytest.approx([0, 0, 2])
    assert measure[1, 0].tolist() == pytest.approx([1, 0.5, 0.5])
    assert measure.sum(2).flatten().tolist() == pytest.approx([2.0] * 6)


def test_one_state_is_goal_reaching():
    solver = corridor(5)
    policy, _ = solver.solve(solver.from_states(torch.tensor([3])))
    assert policy[:3].tolist() == [1, 1, 1] and policy[4] == 0
    assert torch.equal(solver.from_states(torch.tensor([3, 3])), solver.from_states(torch.tensor([3])))


@settings(max_examples=25)
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.lists(st.integers(1, 9), min_size=5, max_size=5))
def test_it_solves_every_reward(reward, share):
    solver = corridor(5, 0.8)
    rho = torch.tensor(share, dtype=torch.float64) / sum(share)
    solver = ForwardBackward(solver.transition, rho, 0.8)
    wanted = torch.tensor(reward, dtype=torch.float64)
    z = solver.from_reward(wanted)
    torch.testing.assert_close(z, wanted)
    policy, q = solver.solve(z)
    assert float((q.gather(1, policy[:, None])[:, 0] - q.amax(1)).abs().max()) < 1e-6
    torch.testing.assert_close(q.amax(1), solver.transition.double().matmul(wanted).new_tensor(best(solver, wanted)))


def best(solver, reward):
    """V* by value iteration."""
    value = torch.zeros(5, dtype=torch.float64)
    for _ in range(300):
        value = (solver.transition.double() @ (reward + 0.8 * value)).amax(1)
    return value.tolist()


def test_states_are_weighed_by_how_rare_they_are_and_exits_end():
    maze = Maze()
    mdp, cells = maze.mdp(0.9), maze.observation_size
    rho = torch.arange(1, cells + 1, dtype=torch.float64)
    solver = ForwardBackward(mdp.transition, rho / rho.sum(), 0.9)
    states = torch.tensor([0, 0, 5])
    z = solver.from_states(states)
    assert z[0] == pytest.approx(2 / 3 / (1 / float(rho.sum()))) and int((z > 0).sum()) == 2
    torch.testing.assert_close(solver.solve(z)[1], solver.induced(states).optimal_q(), rtol=1e-8, atol=1e-8)


def test_bad_input():
    solver = corridor()
    with pytest.raises(GuerdonError, match="at least one state, got none"):
        solver.from_states(torch.zeros(0, dtype=torch.int64))
    with pytest.raises(GuerdonError, match="the embeddings cancel"):
        normalized(torch.zeros(3))
    with pytest.raises(GuerdonError, match="a positive share of every state"):
        ForwardBackward(solver.transition, torch.tensor([0.5, 0.5, 0.0]), 0.5)
    with pytest.raises(GuerdonError, match=r"discount in \[0, 1\)"):
        ForwardBackward(solver.transition, solver.data, 1.0)
    assert normalized(torch.tensor([3.0, 0.0, 4.0, 0.0])).tolist() == pytest.approx([1.2, 0, 1.6, 0])

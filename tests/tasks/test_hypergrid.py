import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.hypergrid import HyperGrid


def test_reward_by_hand():
    grid = HyperGrid(side=8)  # away from the middle: 0 -> .5, 1 -> .357, 2 -> .214
    state = torch.tensor([[2, 2], [0, 0], [1, 0], [1, 1], [6, 1], [1, 2]])
    torch.testing.assert_close(grid.reward(state), torch.tensor([0.1, 0.6, 0.6, 2.6, 2.6, 0.1]))


def test_a_coordinate_on_a_boundary_is_outside():
    grid = HyperGrid(side=16, dimensions=1)  # 3/15 is exactly .3 away from the middle
    torch.testing.assert_close(grid.reward(torch.tensor([[2], [3]])), torch.tensor([2.6, 0.6]))


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_one_mode_per_corner(dimensions: int):
    modes = HyperGrid(dimensions=dimensions, side=8).modes()
    assert sorted(modes[modes >= 0].tolist()) == list(range(2**dimensions))


def test_states_are_numbered_in_order_and_parents_come_first():
    grid = HyperGrid(dimensions=3, side=3)
    states = grid.states()
    assert grid.number(states).tolist() == list(range(27))
    for action in range(3):
        can = grid.allowed(states)[:, action]
        assert bool(
            (grid.number(grid.advance(states[can], torch.full((int(can.sum()),), action))) > can.nonzero()[:, 0]).all()
        )


def test_allowed_parents_and_exit():
    grid = HyperGrid(side=3)
    state = torch.tensor([[0, 2], [0, 0]])
    assert grid.allowed(state).tolist() == [[True, False, True], [True, True, True]]
    assert grid.parents(state).tolist() == [[False, True, False], [False, False, False]]
    assert grid.advance(state, torch.tensor([0, 2])).tolist() == [[1, 2], [0, 0]]


def test_encode_is_one_hot_per_coordinate():
    assert HyperGrid(side=3).encode(torch.tensor([[2, 0]])).tolist() == [[0, 0, 1, 1, 0, 0]]


def test_target_is_the_normalised_reward():
    grid = HyperGrid(side=8)
    reward = grid.reward(grid.states()).double()
    torch.testing.assert_close(grid.target(), reward / reward.sum(), atol=1e-8, rtol=1e-6)
    assert float(grid.target().sum()) == pytest.approx(1.0, abs=1e-12)


def test_bad_sizes():
    with pytest.raises(GuerdonError, match="side >= 2"):
        HyperGrid(side=1)

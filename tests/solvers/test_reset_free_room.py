"""Learning without being brought back."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.reset_free_room import ResetFreeRoom

RIGHT, DOWN = 1, 2


def preferring(*actions):
    return torch.nn.functional.one_hot(torch.tensor(actions), 4).double()


def test_success_by_hand():
    room = ResetFreeRoom(size=2, slip=0.0, horizon=2)
    # The first quarter is cell 0; right, then down gets to cell 3 in two moves.
    assert room.success(preferring(RIGHT, DOWN, RIGHT, 0)) == 1.0
    assert ResetFreeRoom(size=2, slip=0.0, horizon=1).success(preferring(RIGHT, DOWN, RIGHT, 0)) == 0.0
    # With slip 1 every move is random: of two moves, 2 (1/4) (1/4) lead there.
    slippery = ResetFreeRoom(size=2, slip=1.0, horizon=2)
    assert slippery.success(preferring(RIGHT, DOWN, RIGHT, 0)) == pytest.approx(1 / 8)


def test_with_resets_it_learns_the_shortest_path():
    room = ResetFreeRoom(size=3, slip=0.0, steps=3000)
    q = room.learn(tasks=1, resets=True)
    # Four moves: -1 three times, then 0.
    assert float(q[0].max()) == pytest.approx(-(1 + 0.95 + 0.95**2))
    assert room.success(q) == 1.0


def test_turns_reach_the_goal_again_and_again():
    room = ResetFreeRoom(size=3, slip=0.0, steps=3000)
    assert room.success(room.learn(tasks=2)) == 1.0
    assert torch.equal(room.learn(tasks=2), room.learn(tasks=2))


def test_a_judge_that_always_says_success_teaches_nothing():
    assert not ResetFreeRoom(size=3, steps=50, false_positives=1.0).learn().any()


def test_bad_input():
    for bad in ({"size": 1}, {"steps": 0}, {"horizon": 0}, {"slip": 1.5}, {"rate": -0.1}):
        with pytest.raises(GuerdonError, match="ResetFreeRoom needs size >= 2"):
            ResetFreeRoom(**bad)
    with pytest.raises(GuerdonError, match="got tasks=3"):
        ResetFreeRoom().learn(3)

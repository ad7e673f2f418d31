import numpy as np
import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.maze import Maze

SMALL = Maze(rows=(".S0", "#.#"), exits=(4.0,), limit=3)
UP, RIGHT, DOWN, LEFT = range(4)


def one_hot(*states: int) -> list[list[float]]:
    return torch.eye(3)[list(states)].tolist()


def test_walls_hold_and_exits_pay_and_end():
    copies = SMALL.environments(3)
    slots = np.arange(3)
    assert copies.reset(slots, [1, 1, 1]).tolist() == one_hot(1, 1, 1)
    moved = copies.step(slots, np.array([RIGHT, UP, DOWN]))
    assert moved.observation.tolist() == [[0, 0, 0], *one_hot(1, 2)]
    assert moved.reward.tolist() == [4, 0, 0] and moved.terminated.tolist() == [True, False, False]
    moved = copies.step(slots[1:], np.array([LEFT, LEFT]))  # into cell 0; against a wall
    assert moved.observation.tolist() == one_hot(0, 2)


def test_the_limit_truncates_unless_the_episode_ends_there():
    copies, slots = SMALL.environments(2), np.arange(2)
    copies.reset(slots, [1, 1])
    for _ in range(2):
        assert not copies.step(slots, np.array([UP, UP])).truncated.any()
    moved = copies.step(slots, np.array([UP, RIGHT]))
    assert moved.truncated.tolist() == [True, False] and moved.terminated.tolist() == [False, True]


def test_a_new_start_leaves_the_other_copies_alone():
    copies, slots = SMALL.environments(2), np.arange(2)
    copies.reset(slots, [1, 1])
    for _ in range(2):
        copies.step(slots, np.array([UP, DOWN]))
    copies.reset(slots[:1], [0])
    moved = copies.step(slots, np.array([UP, UP]))
    assert moved.observation.tolist() == one_hot(0, 1) and moved.truncated.tolist() == [False, True]


def test_training_starts_anywhere_and_tests_at_the_mark():
    assert [SMALL.start("train", n) for n in range(4)] == [0, 1, 2, 0]
    assert [SMALL.start("test", n) for n in range(2)] == [1, 1]
    assert (SMALL.size("train"), SMALL.size("test"), SMALL.observation_size) == (3, 1, 3)


def test_the_tables_are_the_environment():
    maze = Maze()
    mdp, count = maze.mdp(0.9), maze.observation_size
    states, actions = np.repeat(np.arange(count), 4), np.tile(np.arange(4), count)
    copies, slots = maze.environments(4 * count), np.arange(4 * count)
    copies.reset(slots, states.tolist())
    moved = copies.step(slots, actions)
    flat = mdp.transition[states, actions]
    assert torch.equal(flat, torch.from_numpy(moved.observation))
    assert torch.equal(flat.sum(1) == 0, torch.from_numpy(moved.terminated))
    assert torch.equal(mdp.reward[states, actions], torch.from_numpy(moved.reward))


def test_the_far_exit_is_the_best_and_the_controller_walks_to_it():
    maze = Maze()
    start = maze.starts[0]
    assert float(maze.mdp(0.97).optimal_q()[start].max()) == pytest.approx(10 * 0.97**16)
    assert float(maze.mdp(0.8).optimal_q()[start].max()) == pytest.approx(3 * 0.8**2)
    copies, slot = maze.environments(1), np.arange(1)
    seen, paid = copies.reset(slot, [start]), 0.0
    for _ in range(17):
        moved = copies.step(slot, maze.best_action(torch.from_numpy(seen)).numpy())
        seen, paid = moved.observation, paid + float(moved.reward[0])
    assert bool(moved.terminated[0]) and paid == 10


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows": ("S.", ".")}, "Maze.rows must be rows of one length"),
        ({"rows": ("..",)}, "at least one 'S'"),
        ({"rows": ("Sx",)}, "made of '#', '.', digits"),
        ({"rows": ("S12",)}, r"a pay in exits for every digit, got limit 60 and no pay for \[2\]"),
        ({"limit": 0}, "Maze needs limit >= 1"),
    ],
)
def test_maps_are_checked(fields, message):
    with pytest.raises(GuerdonError, match=message):
        Maze(**fields)

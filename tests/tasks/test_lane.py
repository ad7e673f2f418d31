import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.tasks.environment import ControlTask
from guerdon.tasks.lane import Lane


def drive(task, number, actions):
    """Every step of one episode until it ends."""
    envs, moves, slot = task.environments(1), [], np.array([0])
    envs.reset(slot, [task.start("train", number)])
    for action in actions:
        moves.append(envs.step(slot, np.array([action])))
        if moves[-1].terminated[0] or moves[-1].truncated[0]:
            break
    return moves


def test_a_free_road_by_hand():
    task = Lane(cells=4, obstacles=(), limit=10)
    assert isinstance(task, ControlTask)
    moves = drive(task, 0, [0, 1, 2, 2])
    assert [float(move.reward[0]) for move in moves] == [0.0, 25.0, 50.0, 25.0]
    assert [bool(move.truncated[0]) for move in moves] == [False, False, False, True]
    assert moves[1].observation.tolist() == [[0.0, 1.0, 0.0, 0.0, 0.25, 0.0, 0.0]]
    assert moves[3].observation.tolist() == [[0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]


@pytest.mark.parametrize("obstacle", [1, 2])
def test_an_obstacle_is_met_on_its_cell_and_jumped_over(obstacle):
    task = Lane(cells=6, obstacles=(obstacle,), fast_crash=1.0, slow_crash=0.0)
    (move,) = drive(task, 0, [2, 2])
    assert bool(move.terminated[0]) and move.observation[0, -2:].tolist() == [1.0, 1.0]
    assert not any(move.terminated[0] or move.observation[0, -2] for move in drive(task, 0, [1] * 6))


def test_the_crash_rate_is_the_chance_and_follows_the_start_number():
    task = Lane(cells=2, obstacles=(1,), fast_crash=0.35)
    crashed = [bool(drive(task, number, [2])[0].terminated[0]) for number in range(2000)]
    assert abs(sum(crashed) / 2000 - 0.35) < 0.04
    assert crashed[:50] == [bool(drive(task, number, [2])[0].terminated[0]) for number in range(50)]


def test_time_is_limited():
    assert [bool(move.truncated[0]) for move in drive(Lane(limit=3), 0, [0] * 9)] == [False, False, True]


def test_bad_roads_are_refused():
    with pytest.raises(GuerdonError, match="obstacles inside the road"):
        Lane(cells=4, obstacles=(4,))
    with pytest.raises(GuerdonError, match=r"must lie in \[0, 1\]"):
        Lane(fast_crash=1.5)

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.push_grid import push_grid, score_share

UP, RIGHT, DOWN, LEFT = range(4)


def number(agent, ball):
    return (agent[0] * 3 + agent[1]) * 9 + ball[0] * 3 + ball[1]


def test_moves_and_pushes_by_hand():
    grid = push_grid(3, (0, 2), 0.9)
    free = number((2, 0), (1, 1))
    assert grid.following[free].tolist() == [number((1, 0), (1, 1)), number((2, 1), (1, 1)), free, free]
    push = number((1, 0), (1, 1))
    assert grid.following[push, RIGHT] == number((1, 1), (1, 2))
    against_the_wall = number((1, 1), (1, 2))
    assert grid.following[against_the_wall, RIGHT] == against_the_wall
    assert grid.mdp.transition[push, RIGHT].nonzero().tolist() == [[number((1, 1), (1, 2))]]


def test_the_goal_pays_and_terminates():
    grid = push_grid(3, (0, 2), 0.9)
    last = number((2, 2), (1, 2))
    assert grid.following[last, UP] == -1 and float(grid.mdp.reward[last, UP]) == 1.0
    assert float(grid.mdp.transition[last, UP].sum()) == 0.0 and float(grid.alignment[last, UP]) == 1.0
    assert float(grid.mdp.reward.sum()) == 2.0


def test_ingredients_by_hand():
    grid = push_grid(3, (0, 2), 0.9)
    free = number((2, 0), (1, 1))
    half = 0.5**0.5
    assert grid.speed[free].tolist() == pytest.approx([half, half, 0.0, 0.0])
    # One step up the agent stands left of the ball; the goal is up and right of it.
    assert float(grid.alignment[free, UP]) == pytest.approx(half)
    assert float(grid.distance[free, UP]) == 1.0


def test_the_best_policy_scores_from_where_it_can():
    grid = push_grid(3, (0, 2), 0.9)
    q = grid.mdp.optimal_q()
    can = (q.amax(1) > 0).nonzero()[:, 0]
    assert len(can) > 10 and score_share(grid, q.argmax(1), can, 20) == 1.0
    assert score_share(grid, torch.full((81,), DOWN), can, 20) < 0.5


def test_bad_grids_are_refused():
    with pytest.raises(GuerdonError, match="a goal inside"):
        push_grid(3, (0, 3), 0.9)

import random

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.frame_heads import frames, learn_heads, next_cells, reach_grid, rewarded, walk

SIZE = 4


def test_the_grid_by_hand():
    assert next_cells(2).tolist() == [[0, 1, 2, 0], [1, 1, 3, 0], [0, 3, 2, 2], [1, 3, 3, 2]]
    grid = reach_grid(2, 3, 0.5)
    assert grid.optimal_q().amax(1).tolist() == [0.5, 1.0, 1.0, 0.0]
    with pytest.raises(GuerdonError, match="a goal inside"):
        reach_grid(2, 4, 0.5)


def test_walks_are_shortest_and_frames_show_place_and_goal():
    path = walk(SIZE, 1, 14, random.Random(0))
    assert path[0] == 1 and path[-1] == 14 and len(path) == 5
    assert walk(SIZE, 3, 3, random.Random(0)) == [3]
    assert frames(torch.tensor([0, 15]), 3, SIZE).tolist() == [[-1, -1, -1, 1], [1, 1, -1, 1]]


def test_heads_order_frames_of_a_goal_that_was_hidden():
    heads = learn_heads(SIZE, 15, seed=0)
    path = frames(torch.tensor(walk(SIZE, 0, 15, random.Random(1))), 15, SIZE)
    with torch.no_grad():
        assert float((heads.order(path[:-1], path[1:]) > 0).double().mean()) > 0.8
        assert bool(heads.progress(path)[-1] > heads.progress(path)[0])


def test_rewards_are_the_weighted_answers():
    heads, grid = learn_heads(SIZE, 15, seed=0, videos=5, steps=3), reach_grid(SIZE, 15, 0.9)
    assert torch.equal(rewarded(grid, heads, SIZE, 15, (0.0, 0.0, 2.0)).reward, 2 * grid.reward)
    verdicts = rewarded(grid, heads, SIZE, 15, (1.0, 0.0, 0.0)).reward
    assert set(verdicts.unique().tolist()) <= {-1.0, 0.0, 1.0}
    # A wall: the same frame twice is no step forward.
    assert float(verdicts[0, 0]) == 0.0
    with torch.no_grad():
        shown = heads.progress(frames(torch.tensor([0, 1]), 15, SIZE))
    gain = rewarded(grid, heads, SIZE, 15, (0.0, 1.0, 0.0)).reward[0, 1]
    assert float(gain) == pytest.approx(float(shown[1] - shown[0]))

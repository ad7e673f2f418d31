import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.rollouts.transitions import COLUMNS, Transitions
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline

TASK = Offline(trajectories=6)


def test_rows_are_those_of_the_data_set():
    rows = [5, 0, 5]
    batch = Transitions(batch=3)(TASK, None, lambda count: rows, Stream((0,)))
    assert (batch.size("step"), batch.size("traj"), batch.size("group")) == (3, 3, 3)
    assert batch["group.problem_id"].tolist() == rows
    for name in COLUMNS:
        assert torch.equal(batch[name], TASK.data()[name][torch.tensor(rows)]), name


def test_the_next_observation_of_a_terminated_step_is_outside():
    batch = Transitions()(TASK, None, lambda count: list(range(TASK.size("train"))), Stream((0,)))
    ends = batch["step.terminated"]
    assert bool(ends.any()) and not batch["step.next_observation"][ends].any()
    assert bool((batch["step.next_observation"][~ends].sum(1) == 1).all())


def test_a_task_without_data_is_refused():
    with pytest.raises(GuerdonError, match="Transitions needs a task with a data set, got Maze; use Offline"):
        Transitions()(Maze(), None, lambda count: [0], Stream((0,)))
    with pytest.raises(GuerdonError, match=r"Transitions.batch must be at least 1, got 0"):
        Transitions(batch=0)

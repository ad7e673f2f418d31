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


def test_a_reference_value_is_the_return_to_go_of_its_trajectory():
    task, rows = Offline(trajectories=6), [4, 0]
    batch = Transitions(batch=2, returns=0.5)(task, None, lambda count: rows, Stream((0,)))
    assert "step.reference_value" in Transitions(returns=0.5).writes
    data = task.data()
    reward, index = data["step.reward"].tolist(), data.index("step", "traj").tolist()
    for row, got in zip(rows, batch["step.reference_value"].tolist(), strict=True):
        later = [at for at in range(row, len(reward)) if index[at] == index[row]]
        assert got == pytest.approx(sum(0.5 ** (at - row) * reward[at] for at in later))
    with pytest.raises(GuerdonError, match=r"Transitions.returns must lie in 0..1 or be None, got 2"):
        Transitions(returns=2.0)

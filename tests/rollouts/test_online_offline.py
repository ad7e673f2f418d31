"""Half new, half from the data set."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.scripted import UniformActor
from guerdon.rng import Stream
from guerdon.rollouts.online_offline import OnlineOffline
from guerdon.rollouts.transitions import COLUMNS, REFERENCE, return_to_go
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline

TASK = Offline(trajectories=6)
ACTOR = UniformActor(TASK.action_space)


def test_halves():
    piece = OnlineOffline(batch=7, slots=2, steps=5, capacity=12, returns=0.5)
    state = piece.init_state()
    rows = [3, 0, 3, 1]
    batch = piece(TASK, ACTOR, lambda count: rows[:count], Stream((0,)), state)
    assert batch["traj.online"].tolist() == [True] * 3 + [False] * 4
    assert batch["group.problem_id"].tolist() == [-1, -1, -1, *rows]
    data = TASK.data()
    for name in COLUMNS:
        assert torch.equal(batch[name][3:], data[name][torch.tensor(rows)]), name
    assert torch.equal(batch[REFERENCE][3:], return_to_go(data, 0.5)[torch.tensor(rows)])
    assert len(state.rows["step.action"]) == 10
    again = piece(TASK, ACTOR, lambda count: rows[:count], Stream((1,)), state)
    assert len(state.rows["step.action"]) == 12 and set(again.columns) == set(batch.columns)
    moved = state.rows["step.observation"], state.rows["step.next_observation"]
    assert bool(torch.cat(moved).sum(1).le(1).all())


def test_the_buffer_survives_a_checkpoint():
    piece = OnlineOffline(batch=4, steps=5)
    state, other = piece.init_state(), piece.init_state()
    piece(TASK, ACTOR, lambda count: [0] * count, Stream((0,)), state)
    other.load_state_dict(state.state_dict())
    assert other.rows.keys() == state.rows.keys()
    assert all(torch.equal(other.rows[name], values) for name, values in state.rows.items())


def test_bad_input():
    with pytest.raises(GuerdonError, match="needs a task with a data set, got Maze; use Offline"):
        OnlineOffline()(Maze(), ACTOR, lambda count: [0], Stream((0,)), OnlineOffline().init_state())
    for bad in ({"batch": 1}, {"slots": 0}, {"steps": 0}, {"capacity": 0}, {"returns": 1.5}):
        with pytest.raises(GuerdonError, match="OnlineOffline needs batch >= 2"):
            OnlineOffline(**bad)

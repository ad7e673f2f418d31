import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.serial import from_json, to_json
from guerdon.tasks.maze import Maze
from guerdon.tasks.offline import Offline, _generate


def test_the_same_seed_gives_the_same_data_and_it_is_made_once():
    task = Offline(trajectories=20, expert=0.25)
    data = task.data()
    assert task.data() is data and Offline(trajectories=20, expert=0.25).data() is data
    _generate.cache_clear()
    again = task.data()
    assert again is not data
    for name, column in data.columns.items():
        assert torch.equal(torch.as_tensor(column), torch.as_tensor(again.columns[name])), name
    assert not torch.equal(Offline(trajectories=20, seed=1).data()["traj.length"], data["traj.length"])
    assert from_json(to_json(task)) == task


def test_the_controller_has_its_share_and_does_better():
    data = Offline(trajectories=100, expert=0.3, noise=0.2).data()
    assert data.size("traj") == 100
    assert float(data["traj.return"][:30].mean()) > 2 * float(data["traj.return"][30:].mean())
    assert float(data["traj.return"][:30].mean()) > 9
    behavior = data["step.behavior_logprob"]
    uniform = data.index("step", "traj") >= 30
    torch.testing.assert_close(behavior[uniform].exp(), torch.full((int(uniform.sum()),), 0.25))
    assert {round(float(p), 4) for p in behavior[~uniform].exp().unique()} == {0.05, 0.85}


def test_problems_are_transitions_for_training_and_starts_for_tests():
    task = Offline(trajectories=10, horizon=7)
    assert task.size("train") == task.data().size("step") == int(task.data()["traj.length"].sum())
    assert task.size("test") == 1 and task.start("test", 0) == task.environment.start("test", 0)
    assert int(task.data()["traj.length"].max()) <= 7
    cut = task.data()["traj.length"] == 7
    assert bool(cut.any()) and not bool((task.data()["traj.truncated"] & task.data()["traj.terminated"]).any())
    assert (task.observation_size, task.action_space) == (Maze().observation_size, Maze().action_space)


def test_an_environment_without_a_controller_gives_random_data_only():
    from guerdon.tasks.gymnasium import Gym

    pytest.importorskip("gymnasium")
    assert Offline(environment=Gym(), trajectories=3).data().size("traj") == 3
    with pytest.raises(GuerdonError, match=r"Offline.expert must be 0 for Gym, which has no reference controller"):
        Offline(environment=Gym(), expert=0.5).data()
    box = Offline(environment=Gym("Pendulum-v1"), trajectories=2, horizon=5).data()
    assert box["step.action"].shape == (10, 1) and float(box["step.action"].abs().max()) <= 2


@pytest.mark.parametrize("fields", [{"trajectories": 0}, {"expert": 1.5}, {"noise": -0.1}])
def test_fields_are_checked(fields):
    with pytest.raises(GuerdonError, match=r"Offline needs trajectories >= 1, expert and noise in 0..1"):
        Offline(**fields)

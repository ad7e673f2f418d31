import builtins

import numpy as np
import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.mlp import MLP
from guerdon.policies.scripted import UniformActor
from guerdon.rng import Stream
from guerdon.rollouts.episodes import Episodes, as_batch, play, returns
from guerdon.tasks.environment import TEST_OFFSET, ActionSpace, ControlTask
from guerdon.tasks.gymnasium import Gym

gymnasium = pytest.importorskip("gymnasium")


def test_spaces():
    cart, pendulum, lake = Gym(), Gym("Pendulum-v1"), Gym("FrozenLake-v1")
    assert isinstance(cart, ControlTask)
    assert (cart.observation_size, cart.action_space) == (4, ActionSpace(choices=2))
    assert (pendulum.observation_size, pendulum.action_space) == (3, ActionSpace(low=(-2.0,), high=(2.0,)))
    assert (lake.observation_size, lake.action_space) == (16, ActionSpace(choices=4))


def test_seeds_of_the_splits_do_not_meet():
    assert Gym().size("train") is None and Gym(train_starts=5).size("train") == 5
    assert Gym(train_starts=5).size("test") is None
    assert Gym().start("train", 7) == 7 and Gym().start("test", 7) == TEST_OFFSET + 7


def test_playing_is_what_gymnasium_does():
    task = Gym()
    batch = as_batch(play(task, UniformActor(task.action_space), [[11], [12]], Stream((0,))), None)
    for number, seed in enumerate((11, 12)):
        rows = batch.index("step", "traj") == number
        env = gymnasium.make("CartPole-v1")
        seen, _ = env.reset(seed=seed)
        for observation, action, reward, terminated, after in zip(
            *(batch[f"step.{name}"][rows] for name in ("observation", "action", "reward", "terminated")),
            batch["step.next_observation"][rows],
            strict=True,
        ):
            np.testing.assert_array_equal(observation.numpy(), seen)
            seen, paid, ended, _, _ = env.step(int(action))
            assert (float(reward), bool(terminated)) == (paid, ended)
            np.testing.assert_array_equal(after.numpy(), seen)
        assert ended


def test_an_episode_depends_on_its_seed_and_actions_alone():
    task = Gym()
    first, second = task.environments(1), task.environments(3)
    slot = np.arange(1)
    first.reset(slot, [3])
    for _ in range(5):
        first.step(slot, np.array([1]))  # what was played before leaves no trace
    second.reset(np.arange(3), [8, 9, 3])
    assert np.array_equal(first.reset(slot, [3]), second._features([second.envs[2].unwrapped.state]))
    for action in (0, 1, 1, 0):
        one = first.step(slot, np.array([action]))
        other = second.step(np.array([2]), np.array([action]))
        assert np.array_equal(one.observation, other.observation)


def test_the_time_limit_is_truncation_and_bootstraps():
    task = Gym(kwargs={"max_episode_steps": 4})
    policy = MLP().build(task, frozenset({"action.value"}), Stream((0,)))
    batch = Episodes(starts=3)(task, policy, lambda count: list(range(count)), Stream((1,)))
    assert batch["traj.length"].tolist() == [4, 4, 4]
    assert batch["traj.truncated"].all() and not batch["step.terminated"].any()
    assert torch.equal(batch["traj.bootstrap_value"], policy.value(batch["traj.final_observation"]))
    assert batch["traj.bootstrap_value"].all()


def test_real_actions_are_clipped_for_the_environment_and_kept_in_the_batch(monkeypatch):
    task = Gym("Pendulum-v1")
    taken = []

    class Recorded(gymnasium.Wrapper):
        def step(self, action):
            taken.append(action)
            return self.env.step(action)

    monkeypatch.setattr(Gym, "make", lambda self: Recorded(gymnasium.make(self.env_id)))
    policy = MLP().build(task, frozenset({"action.value"}), Stream((0,)))
    policy.actor.log_std.data.fill_(2.0)
    batch = Episodes(starts=1, horizon=50)(task, policy, lambda count: [3], Stream((1,)))
    assert float(batch["step.action"].abs().max()) > 2
    np.testing.assert_array_equal(np.stack(taken), batch["step.action"].clamp(-2, 2).numpy())


def test_discrete_observations_are_one_hot():
    seen = Gym("FrozenLake-v1").environments(1).reset(np.arange(1), [0])
    assert seen.tolist() == [[1.0] + [0.0] * 15]


def test_evaluation_repeats():
    task = Gym()
    policy = MLP().build(task, frozenset(), Stream((0,)))
    once, again = (returns(task, policy, 4, Stream((5,)), greedy=False) for _ in range(2))
    assert torch.equal(once, again) and once.shape == (4,)


def test_what_gymnasium_cannot_make_is_one_sentence():
    for task in (Gym("NoSuchEnvironment-v0"), Gym(kwargs={"no_such_argument": 1})):
        with pytest.raises(GuerdonError, match=r"Gym.env_id and Gym.kwargs must be what gymnasium.make accepts, got"):
            task.environments(1)
    with pytest.raises(GuerdonError, match=r"Gym.train_starts must be at least 1 or None, got 0"):
        Gym(train_starts=0)


def test_a_missing_package_names_the_extra(monkeypatch):
    real = builtins.__import__

    def absent(name, *arguments, **words):
        if name == "gymnasium":
            raise ImportError("No module named 'gymnasium'")
        return real(name, *arguments, **words)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(GuerdonError, match=r"needs the package gymnasium .* install guerdon\[control\]"):
        Gym().environments(1)

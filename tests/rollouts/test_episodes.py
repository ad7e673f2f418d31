import math

import pytest
import torch
from tasks.fake_environment import Corridor, DistancePolicy

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.rollouts.episodes import PLAYED, Episodes, as_batch, play, returns
from guerdon.rollouts.fixed_steps import FixedSteps

STREAM = Stream((0,))


def first(count: int) -> list[int]:
    return list(range(count))


def test_whole_episodes_by_hand():
    batch = Episodes(starts=3)(Corridor(), DistancePolicy(), first, STREAM)
    assert set(batch.columns) == set(PLAYED)
    assert batch["traj.length"].tolist() == [1, 2, 3]
    assert batch["traj.return"].tolist() == batch["traj.reward/task"].tolist() == [2, 4, 6]
    assert batch.index("step", "traj").tolist() == [0, 1, 1, 2, 2, 2]
    assert batch["step.observation"].tolist() == [[1, 0], [2, 0], [1, 1], [3, 0], [2, 1], [1, 2]]
    assert batch["step.next_observation"].tolist() == [[0, 1], [1, 1], [0, 2], [2, 1], [1, 2], [0, 3]]
    assert batch["step.terminated"].tolist() == [True, False, True, False, False, True]
    assert batch["traj.terminated"].all() and not batch["traj.truncated"].any()
    assert batch["traj.bootstrap_value"].tolist() == [0, 0, 0]
    assert batch["group.problem_id"].tolist() == [0, 1, 2]
    torch.testing.assert_close(batch["step.behavior_logprob"], torch.full((6,), math.log(0.5)))


def test_a_cut_is_truncation_and_bootstraps_from_the_state_it_ended_in():
    batch = Episodes(starts=4, horizon=2)(Corridor(), DistancePolicy(), first, STREAM)
    assert batch["traj.length"].tolist() == [1, 2, 2, 2]
    assert batch["traj.truncated"].tolist() == [False, False, True, True]  # start 1 terminates at the cut
    assert batch["traj.terminated"].tolist() == [True, True, False, False]
    assert batch["traj.final_observation"].tolist() == [[0, 1], [0, 2], [1, 2], [2, 2]]
    assert batch["traj.bootstrap_value"].tolist() == [0, 0, 12, 22]
    assert not batch["step.terminated"][-1]


def test_a_time_limit_of_the_environment_is_truncation_too():
    batch = Episodes(starts=3)(Corridor(limit=2), DistancePolicy(), first, STREAM)
    assert batch["traj.truncated"].tolist() == [False, False, True]
    assert batch["traj.bootstrap_value"].tolist() == [0, 0, 12]


def test_a_group_begins_in_one_state():
    batch = Episodes(starts=2, samples_per_start=3)(Corridor(), DistancePolicy(), first, STREAM)
    assert batch.index("traj", "group").tolist() == [0, 0, 0, 1, 1, 1]
    assert batch["traj.length"].tolist() == [1, 1, 1, 2, 2, 2]
    assert batch["group.problem_id"].tolist() == [0, 1]


def test_fixed_steps_restart_until_the_horizon_and_cut_there():
    batch = FixedSteps(slots=2, horizon=4)(Corridor(), DistancePolicy(), first, STREAM)
    # Slot 0 plays starts 0, 2 (lengths 1 and 3), slot 1 starts 1, 3 (2, then 2 of 4).
    assert batch["traj.length"].tolist() == [1, 3, 2, 2]
    assert batch["group.problem_id"].tolist() == [0, 2, 1, 3]
    assert batch["traj.truncated"].tolist() == [False, False, False, True]
    assert batch["traj.bootstrap_value"].tolist() == [0, 0, 0, 22]
    assert batch["step.observation"].tolist() == [[1, 0], [3, 0], [2, 1], [1, 2], [2, 0], [1, 1], [4, 0], [3, 1]]


def test_the_same_stream_gives_the_same_batch_and_another_does_not():
    once, again, other = (
        Episodes(starts=8)(Corridor(), DistancePolicy(), first, Stream((seed,)))["step.action"] for seed in (0, 0, 1)
    )
    assert torch.equal(once, again) and not torch.equal(once, other)


def test_a_controller_without_a_value_bootstraps_with_zero():
    batch = as_batch(play(Corridor(), DistancePolicy(), [[3]], STREAM, horizon=1), None)
    assert batch["traj.truncated"].tolist() == [True] and batch["traj.bootstrap_value"].tolist() == [0]


def test_returns_play_the_first_problems_of_the_test_split():
    assert returns(Corridor(), DistancePolicy(), 6, STREAM).tolist() == [2, 4, 6, 8, 10, 2]


@pytest.mark.parametrize("wrong", [lambda: Episodes(starts=0), lambda: Episodes(horizon=-1)])
def test_sizes_must_be_positive(wrong):
    with pytest.raises(GuerdonError, match="Episodes needs at least 1 start, sample and step"):
        wrong()

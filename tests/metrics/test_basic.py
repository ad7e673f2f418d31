"""What every step logs."""

import math

import pytest
import torch
from hypothesis import given
from strategies import batch_of, batches

from guerdon.batch import Batch
from guerdon.metrics.basic import describe

NAN = math.nan


def test_means_are_over_what_was_scored() -> None:
    batch = batch_of([3, 1, 2], [1, 2, 1, 1, 1, 1]).with_columns(
        {
            "traj.reward": torch.tensor([1.0, NAN, 0.0, NAN, 2.0, 2.0]),
            "traj.reward/format": torch.tensor([1, 1, 0, 0, 1, 1]),
            "traj.reward/never": torch.full((6,), NAN),
            "traj.reward_error": ["", "a: no score within 1 s", "", "a: ValueError: b; c: no score within 1 s", "", ""],
            "traj.truncated": torch.tensor([True, False, False, False, True, False]),
        }
    )
    assert describe(batch) == pytest.approx(
        {
            "trajectories": 6.0,
            "groups": 3.0,
            "length": 7 / 6,
            "unscored": 2 / 6,
            "unscored/timeout": 2.0,
            "signal": 1 / 3,  # only the first group's scored rewards differ
            "reward": 5 / 4,
            "reward/format": 4 / 6,
            "truncated": 2 / 6,
        }
    )


def test_without_rewards_there_are_still_sizes() -> None:
    assert describe(batch_of([2], [1, 1], [3, 1])) == {"trajectories": 2.0, "groups": 1.0, "length": 2.0}


@given(batch=batches())
def test_nothing_logged_is_nan(batch: Batch) -> None:
    """A NaN in the log stops a run."""
    logged = describe(batch)
    assert all(map(math.isfinite, logged.values())), logged
    scored = batch["traj.reward"].isfinite()
    assert ("reward" in logged) == bool(scored.any())


def test_right_responses_with_a_negative_advantage() -> None:
    batch = batch_of([4, 2]).with_columns(
        {
            "traj.reward/correct": torch.tensor([1.0, 1.0, 0.0, NAN, 1.0, 1.0]),
            "traj.advantage": torch.tensor([-0.1, 0.5, -1.0, -1.0, 0.0, -2.0]),
        }
    )
    assert describe(batch)["right_punished"] == 0.5
    outcome = batch["traj.reward/correct"]
    for correct in (outcome * 0.5, torch.zeros(6), torch.full((6,), NAN)):
        assert "right_punished" not in describe(batch.with_columns({"traj.reward/correct": correct}))


def test_a_task_that_names_its_outcome_differently_or_has_no_advantage_per_response() -> None:
    toy = batch_of([2]).with_columns({"traj.reward/task": torch.tensor([1.0, 0.0])})
    assert "right_punished" not in describe(toy)
    assert describe(toy.with_columns({"traj.advantage": torch.tensor([1.0, -1.0])}))["right_punished"] == 0.0
    per_action = toy.with_columns({"action.advantage": torch.tensor([-1.0, -1.0])})
    assert "right_punished" not in describe(per_action)

"""Column names."""

import pytest

from guerdon.axes import LEVELS, is_extensive, split_name
from guerdon.errors import GuerdonError


def test_a_name_is_level_and_column() -> None:
    assert split_name("traj.reward/format") == ("traj", "reward/format")
    assert split_name("action.old_logprob") == ("action", "old_logprob")
    assert split_name("run.step") == ("run", "step")
    assert split_name("group.a.b") == ("group", "a.b")
    assert LEVELS == ("token", "step", "traj", "group")


@pytest.mark.parametrize("name", ["", "traj", "traj.", ".reward", "episode.reward", "Traj.reward", "batch.x"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(
        GuerdonError, match=r"must be LEVEL\.NAME with LEVEL one of token, step, traj, group, action, run"
    ):
        split_name(name)


def test_rewards_are_extensive() -> None:
    assert is_extensive("reward") and is_extensive("reward/format") and is_extensive("reward/*")
    assert not any(map(is_extensive, ["rewards", "reward_error", "advantage", "old_reward", "value"]))

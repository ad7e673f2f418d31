import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import NUMBERS

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.team_spirit import TeamSpirit


def shared(rewards, teams, spirit=0.5):
    batch = ragged(rewards, columns={"traj.team": torch.tensor(teams, dtype=torch.int64)})
    return TeamSpirit(spirit)(batch)["traj.reward"].tolist()


def test_by_hand_with_matches_apart():
    # Team 0 has mean 2, team 1 has 4: 1/2 r + 1/2 mean - other mean. The second match has one team.
    got = shared([[1, 3, 4], [7]], [0, 0, 1, 0])
    assert got == pytest.approx([0.5 + 1 - 4, 1.5 + 1 - 4, 4 - 2, 7])


def test_who_is_unscored_is_in_no_mean():
    got = shared([[1, math.nan, 4]], [0, 0, 1])
    assert math.isnan(got[1]) and [got[0], got[2]] == [-3.0, 3.0]
    assert shared([[]], []) == []


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=4), st.floats(0, 1))
def test_two_equal_teams_share_nothing(pairs, spirit):
    rewards = [value for pair in pairs for value in pair]
    assert sum(shared([rewards], [0, 1] * len(pairs), spirit)) == pytest.approx(0.0, abs=1e-9)


def test_bad_spirit_is_refused():
    with pytest.raises(GuerdonError, match=r"TeamSpirit\.spirit must lie in \[0, 1\]"):
        TeamSpirit(1.5)

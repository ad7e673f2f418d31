import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.focus import FocusReward


def reward(x, y, goal=(1.0, 0.0), **settings):
    goals = torch.tensor([goal], dtype=torch.float64)
    columns = {"traj.reward/x": [x], "traj.reward/y": [y], "traj.goal": goals}
    return float(FocusReward(("x", "y"), **settings)(ragged([[0.0]], columns=columns))["traj.reward"][0])


def test_axis_border_and_outside_by_hand():
    assert reward(3.0, 0.0) == pytest.approx(3.0)
    assert reward(0.8, 0.6, border=0.8, least=0.25) == pytest.approx(0.35)
    assert reward(0.6, 0.8, border=0.8) == 0.0
    assert reward(0.0, 0.0) == 0.0
    assert math.isnan(reward(math.nan, 1.0))


@given(st.floats(0, 5), st.floats(0, 5), st.floats(0.01, 1))
def test_it_is_never_more_than_the_sum_and_goals_have_no_length(x, y, first):
    got = reward(x, y, (first, 1.0))
    assert 0 <= got <= x + y + 1e-9
    assert got == pytest.approx(reward(x, y, (3 * first, 3.0)), abs=1e-6)


def test_bad_input_is_refused():
    with pytest.raises(GuerdonError, match="components of at least 0"):
        reward(-1.0, 0.0)
    with pytest.raises(GuerdonError, match=r"border in \(0, 1\)"):
        FocusReward(("x",), border=1.0)

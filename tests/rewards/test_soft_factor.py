import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import NUMBERS, batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.soft_factor import SoftFactor, held_max


def factors(piece, values, lengths=None):
    values = torch.tensor(values)
    batch = batch_of([1], [len(values)], columns={"step.x": values}) if lengths is None else None
    batch = batch or batch_of([len(lengths)], lengths, columns={"step.x": values})
    return piece(batch)["step.p"].tolist()


def test_the_four_uses_by_hand():
    assert factors(SoftFactor("step.x", "step.p"), [False, True]) == [1.0, 0.0]
    assert factors(SoftFactor("step.x", "step.p", limit=2.0), [-3.0, 1.0, 9.0]) == [1.0, 0.5, 0.0]
    assert factors(SoftFactor("step.x", "step.p", weight=0.5, hold=2), [0.0, 1.0, 0.0, 0.0]) == [1, 0.5, 0.5, 1]
    kinds = [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]
    assert factors(SoftFactor("step.x", "step.p", limit=2.0, weight=0.5, hold=2), kinds) == [0.75, 0.5, 0.75]


def test_nothing_is_held_beyond_the_episode():
    assert factors(SoftFactor("step.x", "step.p", hold=9), [1.0, 0.0, 0.0], [2, 1]) == [0.0, 0.0, 1.0]


def test_what_is_unscored_stays_so():
    got = factors(SoftFactor("step.x", "step.p", hold=2), [math.nan, 0.0, 0.0])
    assert math.isnan(got[0]) and math.isnan(got[1]) and got[2] == 1.0


@given(st.lists(NUMBERS, max_size=12), st.integers(1, 15), st.integers(0, 12))
def test_the_held_maximum_is_that_of_the_last_rows(numbers, window, cut):
    values = torch.tensor(numbers, dtype=torch.float64).clamp(min=0)
    index = (torch.arange(len(values)) >= cut).long()
    got = held_max(values, index, 2, window)
    for row in range(len(values)):
        rows = [at for at in range(max(0, row - window + 1), row + 1) if index[at] == index[row]]
        assert got[row] == values[rows].max()


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match="SoftFactor needs limit > 0"):
        SoftFactor("step.x", "step.p", weight=1.5)
    with pytest.raises(GuerdonError, match="two columns of steps"):
        SoftFactor("step.x", "step.x")

import math

import pytest
from hypothesis import given
from strategies import batches

from guerdon.curricula.mean_band import MeanBand
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def kept(groups, **fields):
    return MeanBand(**fields)(ragged(groups)).tolist()


def test_a_band_of_means():
    groups = [[1.0] * right + [0.0] * (8 - right) for right in (0, 1, 4, 7, 8)]
    assert kept(groups) == [False, True, True, True, False]
    assert kept(groups, low=0.125, high=0.5) == [False, True, True, False, False]


def test_quantiles_are_of_the_means_in_the_batch():
    groups = [[float(number)] * 2 for number in range(11)]
    assert kept(groups, quantiles=True) == [False, *[True] * 9, False]


def test_unscored_rows_do_not_count():
    assert kept([[math.nan, 1.0, 0.0], [math.nan], [], [math.nan, 1.0]], low=0.5, high=0.5) == [
        True,
        False,
        False,
        False,
    ]
    assert kept([[math.nan]], quantiles=True) == [False]


@given(batches())
def test_the_whole_line_keeps_every_scored_group(batch):
    scored = [False] * batch.size("group")
    for group, reward in zip(batch.index("traj", "group").tolist(), batch["traj.reward"].tolist(), strict=True):
        scored[group] |= not math.isnan(reward)
    assert MeanBand(-math.inf, math.inf)(batch).tolist() == scored
    assert MeanBand(0.0, 1.0, quantiles=True)(batch).tolist() == scored


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"needs low <= high, .*got 0\.9 and 0\.1"):
        MeanBand(0.9, 0.1)
    with pytest.raises(GuerdonError, match=r"both in 0\.\.1 for quantiles"):
        MeanBand(-1.0, 0.9, quantiles=True)

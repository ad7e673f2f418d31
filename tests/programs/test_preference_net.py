import numpy as np
import pytest

from guerdon.errors import GuerdonError
from guerdon.programs.preference_net import fit


def test_it_learns_what_the_pairs_prefer():
    chance = np.random.default_rng(0)
    clips = {"good": chance.normal(size=(40, 5)), "noise": chance.normal(size=(40, 5))}
    pairs = chance.integers(0, 40, (200, 2))
    totals = clips["good"].sum(1)
    labels = np.where(totals[pairs[:, 0]] > totals[pairs[:, 1]], 1.0, 0.0)
    labels[pairs[:, 0] == pairs[:, 1]] = 0.5
    reward = fit(clips, pairs, labels, seed=0)
    again = fit(clips, pairs, labels, seed=0)
    rows = {"good": np.array([-1.0, 0.0, 1.0, 0.0]), "noise": np.array([0.0, 0.0, 0.0, 1.0])}
    values, parts = reward(rows)
    assert parts == {} and values[0] < values[1] < values[2]
    assert abs(values[3] - values[1]) < 0.3 * (values[2] - values[1])
    np.testing.assert_array_equal(values, again(rows)[0])


def test_only_ties_teach_nothing():
    clips = {"good": np.random.default_rng(0).normal(size=(10, 5))}
    reward = fit(clips, np.array([[0, 1], [2, 3]]), np.full(2, 0.5), seed=0)
    values, _ = reward({"good": np.linspace(-1, 1, 5)})
    assert np.ptp(values) < 0.5
    with pytest.raises(GuerdonError, match="one label"):
        fit(clips, np.zeros((0, 2), int), np.zeros(0), seed=0)

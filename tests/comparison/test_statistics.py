import math

import numpy as np
import pytest

from guerdon.comparison.statistics import (
    drawn_for,
    iqm_band,
    least_seeds,
    needed,
    pair,
    pairs,
    profiles,
    summary,
)
from guerdon.metrics.aggregates import interquartile_mean

GENERATOR = np.random.default_rng(0)
SCORES = GENERATOR.normal(size=(3, 8, 2)) + np.array([0.0, 0.5, 3.0])[:, None, None]
DRAWN = drawn_for(SCORES, 1000)


def test_a_summary_holds_each_aggregate_inside_its_interval():
    found = summary(SCORES[0], DRAWN, gamma=1.0)
    assert set(found) == {"iqm", "mean", "median", "optimality_gap"}
    for name, entry in found.items():
        assert entry["low"] <= entry["value"] <= entry["high"], name
    assert found["iqm"]["value"] == interquartile_mean(SCORES[0])


def test_a_pair_and_its_mirror_image():
    ours, theirs = pair(SCORES, DRAWN, 2, 0, 1), pair(SCORES, DRAWN, 0, 2, 1)
    assert ours.difference.value == -theirs.difference.value
    assert ours.improvement.value + theirs.improvement.value == pytest.approx(1)
    assert ours.difference.interval == pytest.approx(tuple(-end for end in reversed(theirs.difference.interval)))
    assert ours.difference.interval[0] < ours.difference.percentile[0] < ours.difference.percentile[1]


def test_more_comparisons_make_the_deciding_intervals_wider():
    one, many = pair(SCORES, DRAWN, 1, 0, 1), pair(SCORES, DRAWN, 1, 0, 10)
    assert many.difference.interval[0] < one.difference.interval[0]
    assert many.improvement.interval[0] < one.improvement.interval[0]
    assert many.difference.percentile == one.difference.percentile


def test_complete_separation_is_not_certainty():
    scores = np.stack([np.zeros((5, 1)), np.ones((5, 1))])
    found = pair(scores, drawn_for(scores, 500), 1, 0, 1)
    assert found.improvement.value == 1.0 and found.improvement.percentile == (1.0, 1.0)
    assert found.improvement.interval[0] == pytest.approx(0.657, abs=2e-3)


def test_paired_runs_share_what_their_seed_gave_them():
    luck = GENERATOR.normal(size=(1, 12, 1)) * 10
    scores = np.concatenate([luck, luck + 0.5 + 0.01 * GENERATOR.normal(size=luck.shape)])
    low, high = pair(scores, drawn_for(scores, 2000), 1, 0, 1).difference.interval
    assert 0.3 < low < high < 0.7


def test_how_many_seeds_are_least():
    # C(6,3) = 20: a tenth by chance; C(8,4) = 70: 1 of 35; C(10,5) = 252.
    assert least_seeds(1, 1) == 4 and least_seeds(1, 2) == 5 and least_seeds(1, 10) == 6
    assert least_seeds(2, 1) == 3 and least_seeds(5, 1) == 2


def test_needed_seeds_grow_with_the_square_of_the_spread():
    assert needed(1.0, 0.5, 11, 1) == pytest.approx(121 / 10 * (2.8016 * 0.5) ** 2, rel=1e-4)
    assert needed(1.0, 1.0, 11, 1) == pytest.approx(4 * needed(1.0, 0.5, 11, 1))
    assert needed(0.0, 1.0, 11, 1) == needed(1.0, 1.0, 1, 1) == math.inf


def test_profiles_fall_from_one_to_zero():
    found = profiles(SCORES, DRAWN)
    for kind in ("runs", "averages"):
        for band in found[kind]:
            assert band["value"][0] == 1.0 and band["value"][-1] == 0.0
            assert all(a >= b for a, b in zip(band["value"], band["value"][1:], strict=False))
            assert all(low <= high for low, high in zip(band["low"], band["high"], strict=True))


def test_a_band_is_the_iqm_at_every_point():
    values = GENERATOR.normal(size=(8, 2, 5))
    band = iqm_band(values, DRAWN)
    assert band["value"] == [float(interquartile_mean(values[..., n])) for n in range(5)]
    assert iqm_band(values[..., :0], DRAWN) == {"value": [], "low": [], "high": []}


def test_all_pairs():
    assert list(pairs(3)) == [(1, 0), (2, 0), (2, 1)]

"""Calibration error, Brier loss and ranking of confidences."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.calibration import Calibration, auroc, brier, ece
from guerdon.papers._bench import ragged

PAIRS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0]), st.sampled_from([0.0, 1.0])), max_size=12)


def test_by_hand():
    assert ece([0.9, 0.9, 0.1, 0.1], [1, 0, 0, 0]) == pytest.approx(0.25)
    assert ece([1.0, 0.0], [1, 0]) == 0.0
    assert ece([0.3, 0.39], [0, 1]) == pytest.approx(abs(0.5 - 0.345))  # one interval
    assert ece([0.3, 0.29], [0, 1]) == pytest.approx(0.5 * 0.3 + 0.5 * 0.71)  # two
    assert brier([0.9, 0.5], [1, 0]) == pytest.approx((0.01 + 0.25) / 2)
    assert auroc([0.9, 0.5, 0.5, 0.1], [1, 1, 0, 0]) == pytest.approx(3.5 / 4)


def test_what_is_undefined_is_nan():
    assert math.isnan(auroc([0.3, 0.4], [1, 1])) and math.isnan(auroc([], []))
    assert math.isnan(ece([], [])) and math.isnan(brier([], []))


@given(PAIRS)
def test_weights_are_copies_and_probabilities_are_expectations(pairs):
    q, c = [a for a, _ in pairs], [b for _, b in pairs]
    weights = [1 + row % 3 for row in range(len(pairs))]
    many = [pair for pair, weight in zip(pairs, weights, strict=True) for _ in range(weight)]
    for measure in (ece, brier, auroc):
        copied = measure([a for a, _ in many], [b for _, b in many])
        assert measure(q, c, weights=weights) == pytest.approx(copied, nan_ok=True)
    # Half of the rows right is the same as every row right with chance one half.
    for measure in (ece, brier, auroc):
        mixed = measure(q + q, [1.0] * len(q) + [0.0] * len(q))
        assert measure(q, [0.5] * len(q)) == pytest.approx(mixed, nan_ok=True)


@given(PAIRS)
def test_auroc_is_a_share_of_pairs(pairs):
    good, bad = ([q for q, c in pairs if c == kind] for kind in (1.0, 0.0))
    wins = [(a > b) + (a == b) / 2 for a in good for b in bad]
    expected = sum(wins) / len(wins) if wins else math.nan
    assert auroc([q for q, _ in pairs], [c for _, c in pairs]) == pytest.approx(expected, nan_ok=True)


def test_metric():
    nan = math.nan
    columns = {"traj.confidence": [0.9, 0.9, 0.1, 0.1, nan, 0.7], "traj.reward/correct": [1.0, 0, 0, 0, 1, nan]}
    got = Calibration()(ragged([[0.0] * 6], columns=columns))
    assert got["ece"] == pytest.approx(0.25) and got["confidence"] == pytest.approx(0.5)
    assert got["auroc"] == pytest.approx(2.5 / 3) and got["no_confidence"] == pytest.approx(1 / 6)
    silent = Calibration()(ragged([[0.0]], columns={"traj.confidence": [nan], "traj.reward/correct": [1.0]}))
    assert silent == {"no_confidence": 1.0}
    empty = {"traj.confidence": torch.zeros(0), "traj.reward/correct": torch.zeros(0)}
    assert Calibration()(ragged([[]], columns=empty)) == {}


def test_refusals():
    with pytest.raises(GuerdonError, match="one outcome and one weight each, got 2, 1 and 2"):
        ece([0.1, 0.2], [1])
    with pytest.raises(GuerdonError, match=r"confidences in 0\.\.1"):
        brier([1.2], [1])
    with pytest.raises(GuerdonError, match="bins must be at least 1"):
        Calibration(bins=0)

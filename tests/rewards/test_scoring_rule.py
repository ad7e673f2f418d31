"""Proper scoring rules: where they are largest, what they cost, what a missing confidence costs."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.rewards.scoring_rule import ScoringRule, score

RULES = ("brier", "log", "spherical")
GRID = torch.arange(201, dtype=torch.float64) / 200


def expected(rule, p, floor=0.01):
    yes, no = (score(GRID, outcome, rule, floor) for outcome in (torch.ones_like(GRID), torch.zeros_like(GRID)))
    return p * yes + (1 - p) * no


def component(piece, outcomes, stated):
    columns = {"traj.reward/correct": outcomes, "traj.confidence": stated}
    return piece(ragged([outcomes], columns=columns))["traj.reward/calibration"].tolist()


@pytest.mark.parametrize("rule", RULES)
@given(step=st.integers(2, 198))
def test_the_truth_is_the_best_thing_to_say(rule, step):
    p = step / 200
    assert int(expected(rule, p, 1e-6).argmax()) == step


@pytest.mark.parametrize("rule", ["brier", "spherical"])
@given(p=st.floats(0, 1), q=st.floats(0, 1))
def test_with_correctness_the_likelier_answer_is_worth_more(rule, p, q):
    low, high = sorted((p, q))
    best = [float((chance + expected(rule, chance)).max()) for chance in (low, high)]
    assert best[1] >= best[0] - 1e-12


def test_values_by_hand():
    assert component(ScoringRule(), [1.0, 0.0, 1.0], [0.7, 0.7, 1.0]) == pytest.approx([-0.09, -0.49, 0.0])
    got = component(ScoringRule("log", coef=0.5), [1.0, 0.0, 0.0], [0.7, 0.7, 1.0])
    assert got == pytest.approx([0.5 * math.log(0.7), 0.5 * math.log(0.3), 0.5 * math.log(0.01)])
    got = component(ScoringRule("spherical"), [1.0, 0.0, 0.0], [0.6, 0.6, 0.0])
    assert got == pytest.approx([0.6 / math.sqrt(0.52) - 1, 0.4 / math.sqrt(0.52) - 1, 0.0])


def test_a_missing_confidence():
    nan = math.nan
    assert component(ScoringRule(), [1.0, 0.0], [nan, nan]) == [-1.0, 0.0]
    assert component(ScoringRule(missing="worst", coef=0.5), [1.0, 0.0], [nan, nan]) == [-0.5, -0.5]
    assert all(map(math.isnan, component(ScoringRule(missing="unscored"), [1.0, 0.0], [nan, nan])))
    assert math.isnan(component(ScoringRule(), [nan], [0.5])[0])


def test_ranges():
    with pytest.raises(GuerdonError, match="coef must be positive, got -1"):
        ScoringRule(coef=-1.0)
    with pytest.raises(GuerdonError, match=r"floor must lie in \(0, 0\.5\), got 0"):
        ScoringRule(floor=0.0)

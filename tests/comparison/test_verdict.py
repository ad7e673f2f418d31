"""The sentences, and how often they are wrong: simulated under the null, for several numbers of seeds and tasks."""

import numpy as np
import pytest

from guerdon.comparison.statistics import drawn_for, pair
from guerdon.comparison.verdict import outcome, overall, rounded, verdict
from guerdon.metrics.aggregates import interquartile_mean

NAMES = ["A", "B", "C"]


def said(scores: np.ndarray, comparisons: int = 1) -> str:
    found = pair(scores, drawn_for(scores, 2000), 1, 0, comparisons)
    return verdict(found, NAMES, scores.shape[1]).sentence


def normal(*shifts: float, seeds: int = 10, tasks: int = 1) -> np.ndarray:
    noise = np.random.default_rng(1).normal(size=(len(shifts), seeds, tasks))
    return 0.1 * noise + np.array(shifts)[:, None, None]


def test_a_clear_difference_is_said_with_its_intervals():
    assert said(normal(0.0, 0.5)).startswith("B beats A: P(improvement) 1.00 [0.85, 1.00]; IQM +0.44 [0.40, 0.52]")
    assert said(normal(0.5, 0.0)).startswith("B loses to A: P(improvement) 0.00 [0.00, 0.15]; IQM -0.5")


def test_no_difference_says_how_many_seeds_would_show_one():
    sentence = said(normal(0.0, 0.02))
    assert sentence.startswith("the data do not tell B and A apart: P(improvement) 0.")
    assert "seeds would show it (4 times of 5)" in sentence


def test_equal_scores_are_called_the_same():
    scores = normal(0.0)
    assert said(np.concatenate([scores, scores])) == "B and A have the same score on every seed"


def test_a_speck_of_a_difference_needs_more_seeds_than_are_worth_counting():
    scores = normal(0.0, 0.0)
    scores[1] = np.roll(scores[0], 1, axis=0) + 1e-4
    assert "would take more than 1,000 seeds" in said(scores)


@pytest.mark.parametrize(("seeds", "least"), [(1, 4), (2, 4), (3, 4)])
def test_so_few_seeds_say_nothing_whatever_the_scores(seeds, least):
    sentence = said(normal(0.0, 9.0, seeds=seeds))
    assert f"cannot tell B and A apart, whatever the scores; it takes {least} at least" in sentence


def test_more_comparisons_ask_for_more_seeds():
    assert "B beats A" in said(normal(0.0, 9.0, seeds=4)) and "takes 6 at least" in said(normal(0.0, 9.0, seeds=4), 10)


@pytest.mark.parametrize(
    ("shifts", "sentence"),
    [
        ((0.0, 0.0, 2.0), "C is ahead of all others."),
        ((0.0, 2.0, 2.01), "C has the highest IQM and is told apart from A, but not from B."),
        ((0.0, 0.01, 0.02), "No method stands out:"),
        ((0.0, 2.0), "B is ahead of A."),
    ],
)
def test_the_whole_in_one_sentence(shifts, sentence):
    scores = normal(*shifts)
    iqm = [float(interquartile_mean(one)) for one in scores]
    assert overall(scores, drawn_for(scores, 2000), NAMES[: len(shifts)], iqm).startswith(sentence)


def test_needed_seeds_are_rounded_upwards():
    assert [rounded(value) for value in (4.2, 11.0, 99.5, 101.0, 741.0)] == [5, 11, 100, 110, 750]


SAMPLERS = {
    "normal": lambda generator, shape: generator.normal(size=shape),
    "skewed": lambda generator, shape: np.exp(generator.normal(size=shape)),
    "success rates": lambda generator, shape: generator.binomial(20, generator.beta(2, 2, size=shape)) / 20,
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(("seeds", "tasks"), [(4, 1), (5, 1), (10, 1), (3, 3), (8, 3)])
def test_two_equal_methods_are_told_apart_in_at_most_a_twentieth_of_the_cases(sampler, seeds, tasks):
    times = 400
    scores = SAMPLERS[sampler](np.random.default_rng(seeds), (times, 2, seeds, tasks))
    drawn = drawn_for(scores[0], 500)
    wrong = sum(outcome(pair(one, drawn, 1, 0, 1), seeds) in ("beats", "loses") for one in scores)
    # At a rate of 5% more than 33 of 400 come up in 1 of 500 simulations; plain percentile intervals give 35 to 100.
    assert wrong <= 33


def test_a_real_difference_is_found_more_often_with_more_seeds():
    found = []
    for seeds in (5, 20):
        scores = np.random.default_rng(0).normal(size=(100, 2, seeds, 1)) + np.array([0.0, 1.5])[:, None, None]
        drawn = drawn_for(scores[0], 500)
        found.append(sum(outcome(pair(one, drawn, 1, 0, 1), seeds) == "beats" for one in scores))
    assert 20 < found[0] < 60 and found[1] > 95

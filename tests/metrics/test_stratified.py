import math

import numpy as np
import pytest

from guerdon.metrics.aggregates import interquartile_mean, mean
from guerdon.metrics.seeds import mean_interval
from guerdon.metrics.stratified import counts, draw, percentile_interval, resampled, stretched, take
from guerdon.rng import Stream

SCORES = np.array([[0.0, 10.0], [1.0, 20.0], [2.0, 30.0]])


def test_a_run_stays_in_its_task():
    drawn = np.array([[[0, 2], [0, 2], [1, 0]]])
    assert take(SCORES, drawn).tolist() == [[[0.0, 30.0], [0.0, 30.0], [1.0, 10.0]]]
    assert counts(drawn, 3).tolist() == [[[2.0, 1.0, 0.0], [1.0, 0.0, 2.0]]]


def test_equal_streams_draw_equal_runs():
    drawn = draw(Stream((0, "a")), 50, 3, 2)
    assert drawn.shape == (50, 3, 2) and set(drawn.reshape(-1).tolist()) == {0, 1, 2}
    assert (drawn == draw(Stream((0, "a")), 50, 3, 2)).all()
    assert not (drawn == draw(Stream((0, "b")), 50, 3, 2)).all()


def test_blocks_change_nothing(monkeypatch):
    drawn = draw(Stream((0,)), 40, 3, 2)
    whole = resampled(interquartile_mean, SCORES, drawn)
    monkeypatch.setattr("guerdon.metrics.stratified.BLOCK", 13)
    assert (resampled(interquartile_mean, SCORES, drawn) == whole).all()


def test_the_ends_are_quantiles():
    low, high = percentile_interval(np.arange(101.0), 0.9)
    assert (low, high) == (pytest.approx(5.0), pytest.approx(95.0))


def test_stretching_gives_means_over_one_task_the_width_of_students_interval():
    values = np.random.default_rng(0).normal(size=(12, 1))
    samples = resampled(mean, values, draw(Stream((0,)), 40000, 12, 1))
    low, high = (float(end) for end in percentile_interval(samples))
    wide = stretched(float(mean(values)), (low, high), 12, 1)
    student = mean_interval(values[:, 0].tolist())[1]
    assert wide[1] - wide[0] == pytest.approx(student[1] - student[0], rel=0.04)
    assert wide[0] < low < high < wide[1]


def test_one_run_says_nothing_and_many_are_left_alone():
    assert stretched(1.0, (0.9, 1.1), 1, 5) == (-math.inf, math.inf)
    assert stretched(1.0, (0.9, 1.1), 3000, 1) == pytest.approx((0.9, 1.1), abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_interval_ends_are_those_of_rliable_on_the_same_resamples(seed):
    library = pytest.importorskip("rliable.library", reason="rliable is not installed")
    scores = np.random.default_rng(seed).normal(size=(6, 4))
    np.random.seed(seed)
    drawn = np.stack([np.random.choice(6, (6, 4), replace=True) for _ in range(200)])
    ours = np.stack(percentile_interval(resampled(interquartile_mean, scores, drawn)))
    np.random.seed(seed)
    _, theirs = library.get_interval_estimates(
        {"a": scores}, lambda samples: np.array([interquartile_mean(samples)]), reps=200
    )
    assert ours == pytest.approx(theirs["a"][:, 0], abs=1e-12)

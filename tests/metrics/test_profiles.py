import numpy as np
import pytest

from guerdon.metrics.profiles import average_profile, average_profile_resampled, run_profile, run_profile_resampled
from guerdon.metrics.stratified import draw, take
from guerdon.rng import Stream

SCORES = np.array([[0.0, 1.0], [0.5, 3.0]])
AT = np.array([-1.0, 0.0, 0.4, 2.0, 3.0])


def test_by_hand():
    assert run_profile(SCORES, AT).tolist() == [1.0, 0.75, 0.75, 0.25, 0.0]
    # Task means are 0.25 and 2.
    assert average_profile(SCORES, AT).tolist() == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_resamples_by_counts_are_those_by_taking():
    scores = np.round(np.random.default_rng(0).normal(size=(5, 3)), 1)
    drawn = draw(Stream((0,)), 30, 5, 3)
    taken = np.stack([run_profile(each, AT) for each in take(scores, drawn)])
    assert run_profile_resampled(scores, AT, drawn) == pytest.approx(taken, abs=1e-12)
    taken = np.stack([average_profile(each, AT) for each in take(scores, drawn)])
    assert (average_profile_resampled(scores, AT, drawn) == taken).all()


def test_the_profiles_are_those_of_rliable():
    library = pytest.importorskip("rliable.library", reason="rliable is not installed")
    scores = np.round(np.random.default_rng(1).normal(size=(5, 7)), 1)
    assert run_profile(scores, AT) == pytest.approx(library.score_distributions(scores, AT), abs=1e-12)
    assert average_profile(scores, AT) == pytest.approx(library.average_score_distributions(scores, AT), abs=1e-12)

"""Measures of pools against the definitions, by hand and by all subsets."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.evals.measures import confidences, reliability, statistics_of
from guerdon.evals.pool import Pool
from guerdon.metrics.calibration import auroc, brier, ece
from guerdon.tasks.problem import Problem

NAN = math.nan


def pool(right, answers=None, **more) -> Pool:
    texts = more.pop("texts", [f"r{n}" for n in range(len(right))])
    more.setdefault("lengths", [float(n + 1) for n in range(len(right))])
    return Pool("p", Problem(0, "?"), texts, right=right, answers=answers or list(texts), **more)


def values(pools, ks=(1, 2), families=("pass_at", "majority_at", "best_of", "calibration", "length", "diversity")):
    weights = np.ones((1, len(pools)))
    return {path: float(each(weights)[0]) for path, each in statistics_of(pools, ks, families).items()}


SAMPLES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from("abc"), st.integers(0, 2)), min_size=2, max_size=6
)


@settings(deadline=None)
@given(st.lists(SAMPLES, min_size=1, max_size=3))
def test_subset_measures_equal_all_subsets_averaged_over_problems(problems):
    pools = [
        pool([c for c, _, _ in rows], [a for _, a, _ in rows], scores={"r": [float(s) for _, _, s in rows]})
        for rows in problems
    ]
    found = values(pools, (2,), ("pass_at", "best_of", "diversity"))
    for path, of_pair in {
        ("pass_at", "2"): lambda pair: max(c for c, _, _ in pair),
        ("best_of", "r", "2"): lambda pair: np.mean([c for c, _, s in pair if s == max(s for _, _, s in pair)]),
        ("diversity", "distinct_at", "2"): lambda pair: len({a for _, a, _ in pair}),
    }.items():
        expected = np.mean([np.mean([of_pair(pair) for pair in combinations(rows, 2)]) for rows in problems])
        assert found[path] == pytest.approx(expected), path


def test_best_of_never_prefers_what_a_reward_could_not_score():
    found = values([pool([1.0, 0.0], scores={"r": [NAN, -5.0]})], (2,))
    assert found["best_of", "r", "2"] == 0.0
    assert values([pool([1.0, 0.0], scores={"r": [NAN, NAN]})], (2,))["best_of", "r", "2"] == 0.5


QC = st.lists(
    st.tuples(st.sampled_from([0.0, 0.15, 0.3, 0.5, 0.9, 1.0, NAN]), st.sampled_from([0.0, 1.0])),
    min_size=1,
    max_size=5,
)


@settings(deadline=None)
@given(st.lists(QC, min_size=1, max_size=4), st.data())
def test_calibration_equals_the_plain_functions_under_any_weights(problems, data):
    pools = [pool([c for _, c in rows], stated=[q for q, _ in rows]) for rows in problems]
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(pools), max_size=len(pools)))
    rows = [(q, c, w) for problem, w in zip(problems, weights, strict=True) for q, c in problem if q == q]
    statistics = statistics_of(pools, (1,), ("calibration",))
    if all(q != q for problem in problems for q, _ in problem):
        assert ("calibration", "stated", "ece") not in statistics
        return
    for name, plain in (("ece", ece), ("brier", brier), ("auroc", auroc)):
        found = float(statistics["calibration", "stated", name](np.array([weights], dtype=float))[0])
        copies = [(q, c) for q, c, w in rows for _ in range(w)]
        expected = plain([q for q, _ in copies], [c for _, c in copies])
        assert found == pytest.approx(expected, nan_ok=True), name


def test_confidences_by_hand():
    one = pool([1.0, 0.0, 1.0], ["a", "b", "a"], logprobs=[-1.0, -4.0, 0.0], scores={"logprob": [-0.5, -1.0, 0.0]})
    found = confidences([one, pool([1.0, 1.0], ["c", None])])
    assert found["vote"][0] == pytest.approx([2 / 3, 1 / 3, 2 / 3])
    assert found["vote"][1] == pytest.approx([0.5, NAN], nan_ok=True)
    assert found["token"][0] == pytest.approx([math.exp(-0.5), math.exp(-1), 1.0])
    assert found["sequence"][0] == pytest.approx([math.exp(-1), math.exp(-4), 1.0])
    assert all(math.isnan(x) for x in found["token"][1]) and "stated" not in found
    # One response each gives no vote, and greedy log-probabilities no confidence.
    assert confidences([pool([1.0], ["a"])]) == {}


def test_reliability_by_hand():
    bins = reliability([pool([1.0, 0.0, 1.0], stated=[0.32, 0.38, 1.0])])["stated"]
    assert bins[0] == {"from": 0.3, "count": 2, "confidence": pytest.approx(0.35), "right": 0.5}
    assert bins[1] == {"from": 0.9, "count": 1, "confidence": 1.0, "right": 1.0} and len(bins) == 2


def test_length_by_hand():
    pools = [pool([1.0, 0.0], lengths=[2.0, 10.0], truncated=[0.0, 1.0]), pool([0.0], lengths=[3.0], truncated=[0.0])]
    found = values(pools, (1,), ("length",))
    assert found["length", "mean"] == 5.0 and found["length", "median"] == 3.0
    assert found["length", "right"] == 2.0 and found["length", "wrong"] == 6.5
    assert found["length", "truncated"] == pytest.approx(1 / 3)


def test_diversity_by_hand():
    found = values([pool([1.0, 0.0, 0.0, 0.0], ["a", "a", "b", None], texts=["x y", "x y", "x z", "w"])], (2,))
    assert found["diversity", "answer_entropy"] == pytest.approx(-(2 / 3) * math.log(2 / 3) - math.log(1 / 3) / 3)
    assert found["diversity", "distinct_2"] == pytest.approx(2 / 3)
    assert found["diversity", "unreadable"] == 0.25
    assert 0 < found["diversity", "self_similarity"] < 1


def test_single_samples_have_what_can_be_had():
    found = values([pool([1.0]), pool([0.0])], (1,))
    assert found["pass_at", "1"] == 0.5 and math.isnan(found["diversity", "self_similarity"])
    with pytest.raises(GuerdonError, match="measures must be among"):
        values([pool([1.0])], (1,), ("speed",))

"""maj@k against all subsets, and by hand."""

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.majority import majority_at_k


def by_enumeration(answers, right, k):
    worth = {}
    for answer, outcome in zip(answers, right, strict=True):
        worth.setdefault(answer, []).append(outcome)
    values = []
    for chosen in combinations(range(len(answers)), k):
        votes = Counter(answers[row] for row in chosen if answers[row] is not None)
        best = max(votes.values(), default=0)
        tied = [sum(worth[a]) / len(worth[a]) for a, count in votes.items() if count == best]
        values.append(sum(tied) / len(tied) if tied else 0.0)
    return sum(values) / len(values)


def test_by_hand():
    # Triples of a, a, b, b: a wins the two with both of its samples, b the other two.
    assert majority_at_k("aabb", [1, 1, 0, 0], 3) == pytest.approx(0.5)
    # Pairs of a, a, b: one holds both a; the two mixed ones are ties, half right.
    assert majority_at_k("aab", [1, 1, 0], 2) == pytest.approx((1 + 0.5 + 0.5) / 3)
    # An answer that could not be read has no vote, and without any vote nothing is right.
    assert majority_at_k(["a", None, None], [1, 0, 0], 1) == pytest.approx(1 / 3)
    assert majority_at_k(["a", None, None], [1, 0, 0], 3) == pytest.approx(1.0)
    assert majority_at_k([None, None], [0, 0], 2) == 0.0
    # One vote alone is pass@1; all votes are the vote.
    assert majority_at_k("abcd", [1, 0, 0, 0], 1) == pytest.approx(0.25)
    assert majority_at_k("aaabb", [0, 0, 0, 1, 1], 5) == pytest.approx(0.0)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, "a", "b", "c", "d"]), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=8
    ),
    st.data(),
)
def test_equals_all_subsets(pairs, data):
    answers, right = zip(*pairs, strict=True)
    k = data.draw(st.integers(1, len(pairs)))
    assert majority_at_k(answers, right, k) == pytest.approx(by_enumeration(answers, right, k), abs=1e-12)


def test_many_samples_are_estimated_and_few_are_exact():
    answers, right = ["a"] * 9 + ["b"] * 7 + ["c"] * 4, [1.0] * 9 + [0.0] * 11
    exact = majority_at_k(answers, right, 8)
    # Standard error at most .5 / sqrt(20000) = .0035.
    assert majority_at_k(answers, right, 8, draws=20_000, exact=0) == pytest.approx(exact, abs=0.014)
    assert majority_at_k(answers, right, 8, exact=0) == majority_at_k(answers, right, 8, exact=0)
    large = majority_at_k(["a"] * 128 + ["b"] * 128, [1.0] * 128 + [0.0] * 128, 64)
    assert large == pytest.approx(0.5, abs=1e-12)


def test_bad_input():
    with pytest.raises(GuerdonError, match="one outcome per answer and 1 <= k <= samples"):
        majority_at_k("ab", [1], 1)
    with pytest.raises(GuerdonError, match="k=3"):
        majority_at_k("ab", [1, 0], 3)

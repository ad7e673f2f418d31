"""Different answers, different phrases, likeness of texts."""

import math
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.metrics.distinct import distinct_at_k, distinct_phrases, self_similarity


@given(st.lists(st.sampled_from([None, "a", "b", "c"]), min_size=1, max_size=8), st.data())
def test_different_answers_equal_all_subsets(answers, data):
    k = data.draw(st.integers(1, len(answers)))
    counts = [len({a for a in chosen if a is not None}) for chosen in combinations(answers, k)]
    assert distinct_at_k(answers, k) == pytest.approx(sum(counts) / len(counts))


def test_phrases_by_hand():
    # "a b", "b c", "a b": two of three are different.
    assert distinct_phrases(["a b c", "a  b"]) == pytest.approx(2 / 3)
    assert distinct_phrases(["a a", "a"], 1) == pytest.approx(1 / 3)
    assert math.isnan(distinct_phrases(["a", ""]))


def trigrams(text):
    text = f"\0\0{text}\0\0"
    return {text[start : start + 3] for start in range(len(text) - 2)}


@settings(deadline=None)
@given(st.lists(st.text(max_size=6), min_size=2, max_size=5))
def test_similarity_is_the_mean_over_pairs(texts):
    pairs = [len(trigrams(a) & trigrams(b)) / len(trigrams(a) | trigrams(b)) for a, b in combinations(texts, 2)]
    assert self_similarity(texts) == pytest.approx(sum(pairs) / len(pairs), abs=1e-6)


def test_ends_of_similarity():
    assert self_similarity(["same", "same", "same"]) == pytest.approx(1.0)
    assert self_similarity(["abc", "xyz"]) == 0.0
    assert self_similarity(["", ""]) == 1.0 and math.isnan(self_similarity(["a"]))


def test_bad_input():
    with pytest.raises(GuerdonError, match="between 1 and the 2 samples, got 3"):
        distinct_at_k("ab", 3)

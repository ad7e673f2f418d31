from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.scorers.ngrams import Bleu, Chrf, RougeL, bleu, chrf, longest_common, rouge_l
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

TEXTS = st.text("ab c", max_size=12)


def test_bleu_by_hand():
    # 4 of 5 words, 2 + 1 of 4 + 1 pairs; as long as the reference.
    assert bleu("the cat sat on it", "the cat sat by it", order=2) == pytest.approx((4 / 5 * 3 / 5) ** 0.5)
    # Clipped: one "the" counts. Half as long: e^(1 - 4/2).
    assert bleu("the the", "the cat ran away", order=1) == pytest.approx(exp(-1) * 1 / 2)
    assert bleu("the cat", "the cat", order=4) == 1.0 and bleu("a b", "c d") == 0.0


def test_chrf_by_hand():
    # Letters: 2 of 3 in both. Pairs: "ab" is one of two. beta = 1: the mean.
    assert chrf("abc", "abd", order=2, beta=1.0) == pytest.approx((2 / 3 + 1 / 2) / 2)
    # P = (1/2 + 0)/2 ... only orders that both texts have: n = 1. P = 1/2, R = 1; F2 = 5 P R / (4 P + R).
    assert chrf("ax", "a") == pytest.approx(5 * 0.5 * 1 / (4 * 0.5 + 1))
    assert chrf("a b", "ab") == 1.0 and chrf("abc", "xyz") == 0.0


def test_rouge_l_by_hand():
    # The cat ... sat: three words in order, of 4 and 5.
    assert rouge_l("The cat then sat!", "the old cat sat down") == pytest.approx(2 * 3 / 9)
    assert rouge_l("a b", "b a") == 0.5 and rouge_l("a", "b") == 0.0


@given(st.lists(st.sampled_from("abc"), max_size=9), st.lists(st.sampled_from("abc"), max_size=9))
def test_longest_common_subsequence_agrees_with_the_table(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    assert longest_common(first, second) == table[-1][-1]


@given(TEXTS, TEXTS)
def test_from_0_to_1_and_1_for_the_same(text, wanted):
    for score in (bleu, chrf, rouge_l):
        assert 0 <= score(text, wanted) <= 1 + 1e-12
        assert score(text, text) == pytest.approx(1.0)
        assert score("xyz", wanted) == 0.0 or not wanted.strip() or score is bleu


def test_the_best_of_several_references_counts():
    several = Problem(7, "?", meta={"references": ["a b", "c d"]})
    for scorer in (Bleu(), Chrf(), RougeL()):
        assert scorer(several, "c d") == scorer(Problem(7, "?", "c d"), "c d") == pytest.approx(1.0)
        assert scorer(several, "") == 0.0
        assert from_json(to_json(scorer)) == scorer
        with pytest.raises(GuerdonError, match="problem 7 needs reference texts, got \\[\\]"):
            scorer.check(Problem(7, "?", meta={"references": []}))


def test_refused():
    with pytest.raises(GuerdonError, match="Bleu.order must be at least 1, got 0"):  # noqa: RUF043
        Bleu(order=0)
    with pytest.raises(GuerdonError, match="beta must be positive and finite"):
        Chrf(beta=0.0)

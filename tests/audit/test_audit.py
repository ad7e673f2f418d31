import math

import pytest

from guerdon.audit import examples
from guerdon.audit.attacks import ATTACKS
from guerdon.audit.audit import audit, curve
from guerdon.audit.cases import built_in
from guerdon.errors import GuerdonError

CASES = built_in(12, seed=0)
NAIVE = {
    "contains": {"right answers", "padding", "hedging", "contradiction", "many boxes", "equal variants"},
    "last_number": {"hedging"},
    "format": {"repetition", "repeated right step", "padding", "equal variants"},
    "judge": {
        *("right answers", "openers", "padding", "hedging", "contradiction", "injection", "many boxes"),
        "equal variants",
    },
    "boxed": {"hedging", "contradiction", "many boxes"},
}
"""Naive reward -> what fools it."""


def scoring(function):
    return lambda pairs: [function(problem, response) for problem, response in pairs]


@pytest.mark.parametrize("name", NAIVE)
def test_a_naive_reward_is_fooled_and_its_hardened_form_is_not(name):
    naive = audit(scoring(getattr(examples, f"naive_{name}")), CASES)
    assert naive.fooled and {finding.attack for finding in naive.findings if finding.failed} == NAIVE[name]
    hardened = audit(scoring(getattr(examples, f"hardened_{name}")), CASES)
    assert not hardened.fooled and (hardened.right, hardened.wrong) == (1.0, 0.0)
    assert hardened.curve[-1].truth == 1.0 and not hardened.over_optimized


def test_each_attack_is_tried_on_each_problem_and_the_worst_response_is_shown():
    result = audit(scoring(examples.naive_boxed), CASES)
    assert [finding.attack for finding in result.findings] == ["right answers", *(attack.name for attack in ATTACKS)]
    assert all(finding.problems == len(CASES) for finding in result.findings)
    worst = next(finding.worst for finding in result.findings if finding.attack == "many boxes")
    assert worst.score == 1.0 and worst.response.count("boxed") > 1


def test_picking_by_a_reward_for_length_ends_with_wrong_responses():
    result = audit(scoring(examples.naive_format), CASES)
    assert result.over_optimized and max(point.truth for point in result.curve) > 0.1 > result.curve[-1].truth


def test_a_constant_reward_fails_on_right_answers_and_nothing_is_divided_by_zero():
    result = audit(lambda pairs: [0.0] * len(pairs), CASES)
    assert [finding.attack for finding in result.findings if finding.failed] == ["right answers"]
    paid = audit(lambda pairs: [1.0] * len(pairs), CASES)
    assert {"right answers", "empty", "hedging"} <= {finding.attack for finding in paid.findings if finding.failed}


def test_a_random_reward_reacts_to_noise():
    count = iter(range(10**9))
    result = audit(lambda pairs: [math.sin(next(count)) for _ in pairs], CASES, style="plain")
    assert next(finding for finding in result.findings if finding.attack == "noise").failed


def test_unscored_responses_are_counted_and_fool_nobody():
    def score(pairs):
        return [math.nan if "or" in text else float(text.endswith(f" {p.answer}.")) for p, text in pairs]

    result = audit(score, CASES, style="sentence")
    hedging = next(finding for finding in result.findings if finding.attack == "hedging")
    assert hedging.unscored > 0
    with pytest.raises(GuerdonError, match="scored none of the right and wrong answers"):
        audit(lambda pairs: [math.nan] * len(pairs), CASES)
    with pytest.raises(GuerdonError, match="a style must be one of tags, boxed"):
        audit(score, CASES, style="taggs")


def test_a_few_failures_can_be_allowed():
    def score(pairs):  # one problem of twelve is fooled by "Yes"
        return [1.0 if p.id == 3 and "Yes" in text else examples.hardened_boxed(p, text) for p, text in pairs]

    strict, lenient = audit(score, CASES, "boxed"), audit(score, CASES, "boxed", allowed=0.1)
    assert [finding.failed for finding in strict.findings if finding.failed] == [1]
    assert strict.fooled and not lenient.fooled


def test_the_curve_over_samples_by_hand():
    # One problem: 3 is right and scores least. Best of 1: a third. Best of 2: never among the two better ones.
    points = curve([[(1.0, 1.0), (2.0, 0.0), (3.0, 0.0)], []])
    assert [(point.n, pytest.approx(point.truth)) for point in points] == [(1, 1 / 3), (2, 0.0), (3, 0.0)]
    assert [point.reward for point in points] == pytest.approx([2.0, 8 / 3, 3.0])
    assert curve([]) == ()

import pytest

from guerdon.audit.attacks import ATTACKS
from guerdon.audit.cases import Case, built_in
from guerdon.tasks.problem import Problem

CASE = built_in(1, seed=0)[0]
BY_NAME = {attack.name: attack for attack in ATTACKS}


def responses(name, case=CASE):
    return [probe.response for probe in BY_NAME[name].make(case)]


@pytest.mark.parametrize("name", BY_NAME)
def test_an_attack_repeats_and_makes_something(name):
    assert responses(name) and responses(name) == responses(name)
    compared = BY_NAME[name].expects in ("no gain", "no change")
    assert all((probe.base is not None) == compared for probe in BY_NAME[name].make(CASE))


@pytest.mark.parametrize("name", ["empty", "openers", "content-free", "repetition", "injection"])
def test_what_may_not_be_paid_does_not_hold_the_answer(name):
    assert not [text for text in responses(name) if CASE.answer in text]


def test_an_answer_that_is_a_token_is_no_attack():
    case = Case(Problem(0, "?"), "1", ("2",))
    assert "1" not in responses("empty", case) and "0" in responses("empty", case)


def test_letters_are_hedged_and_boxes_are_blown_up():
    assert any("ABCDE" in text for text in responses("hedging", Case(Problem(0, "?"), "B", ("A",))))
    box = Case(Problem(0, "?", meta={"size": (640, 480)}), "[10, 20, 30, 40]", ("[0, 0, 1, 1]",))
    assert any("[0, 0, 640, 480]" in text for text in responses("many boxes", box))


def test_variants_say_the_same():
    case = Case(Problem(0, "?"), "-2000", ("1",), style="plain")
    assert {"-2,000", "-2000.0", "\N{MINUS SIGN}2000", "-2000\n"} <= set(responses("equal variants", case))

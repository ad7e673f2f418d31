import json
from fractions import Fraction

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.puzzles import Countdown, KnightsKnaves, ZebraCells, value
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("(8-2)*4", 1.0),
        ("(8 - 2) * 4 = 24", 1.0),
        ("(8 \u2212 2) \u00d7 4", 1.0),
        ("-4*(2-8)", 1.0),
        ("6*4", 0.0),
        ("8*4-2*4", 0.0),
        ("8*4", 0.0),
        ("8+4*2", 0.0),
        ("8/(2-2)*4", 0.0),
        ("8**2-4", 0.0),
        ("8//2*4", 0.0),
        ("(8-2)*4.0", 0.0),
        ("8_2+4", 0.0),
        ("__import__('os').getcwd()", 0.0),
        ("(8-2)*4 #", 0.0),
        ("(" * 250 + "8", 0.0),
        ("9" * 400, 0.0),
        ("24", 0.0),
        ("", 0.0),
    ],
)
def test_countdown(response, right):
    assert Countdown()(Problem(7, "?", meta={"numbers": [2, 4, 8], "target": 24}), response) == right


def test_countdown_is_exact_and_takes_a_tag():
    thirds = Problem(7, "?", meta={"numbers": [8, 3, 3, 8], "target": 24})
    assert Countdown(tag="answer")(thirds, "so <answer>8/(3-8/3)</answer>") == 1.0
    assert Countdown(tag="answer")(thirds, "8/(3-8/3)") == 0.0
    assert value("1/3", []) == Fraction(1, 3)


def test_countdown_may_leave_numbers_out():
    problem = Problem(7, "?", meta={"numbers": [2, 4, 8], "target": 32})
    assert [Countdown(use_all=all_)(problem, "8*4") for all_ in (True, False)] == [0.0, 1.0]
    assert Countdown(use_all=False)(problem, "8*2*2") == 0.0


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("Zoey is a knight and Bo is a knave.", 1.0),
        ("(1) zoey is a Knight (2) Bo is knave", 1.0),
        ("Zoey is a knight, Bo is a knave, knight.", 0.0),
        ("Zoey is a knight and Bo is a knight.", 0.0),
        ("Zoey is a knight.", 0.0),
        ("Zoey is a knight. Bo is a knave. Bo is a knight.", 0.0),
        ("", 0.0),
    ],
)
def test_knights_and_knaves(response, right):
    assert KnightsKnaves()(Problem(7, "?", meta={"roles": {"Zoey": "knight", "Bo": "knave"}}), response) == right


def test_other_words_for_the_roles():
    heroes = Problem(7, "?", meta={"roles": {"Al": "Hero", "Bo": "Hero"}, "terms": ["Hero", "Villain"]})
    assert KnightsKnaves()(heroes, "Al is a hero, and Bo is a hero.") == 1.0
    assert KnightsKnaves()(heroes, "Al is a hero, and Bo is a hero, no villain.") == 0.0
    assert KnightsKnaves()(heroes, "Al is a hero, and Bo is a villain.") == 0.0


def test_answers_of_reasoning_gym_are_right():
    gym = pytest.importorskip("reasoning_gym")
    for entry in gym.create_dataset("countdown", size=30, seed=1):
        meta = {key: entry["metadata"][key] for key in ("numbers", "target")}
        assert Countdown()(Problem(7, "?", meta=meta), entry["answer"]) == 1.0
    for entry in gym.create_dataset("knights_knaves", size=30, seed=1):
        told = entry["metadata"]
        terms = [told["knight_knave_terms"][term] for term in ("knight", "knave")]
        roles = {name: terms[not knight] for name, knight in zip(told["names"], told["solution"], strict=True)}
        problem = Problem(7, "?", meta={"roles": roles, "terms": terms})
        assert KnightsKnaves()(problem, entry["answer"]) == 1.0
        flipped = {name: terms[role == terms[0]] for name, role in roles.items()}
        assert KnightsKnaves()(Problem(7, "?", meta={"roles": flipped, "terms": terms}), entry["answer"]) == 0.0


HOUSES = {"1": {"name": "Bob", "pet": "cat"}, "2": {"name": "Al", "pet": "red fish"}}


@pytest.mark.parametrize(
    ("given", "share"),
    [
        (HOUSES, 1.0),
        ({"House 2": {"Pet": " Red  fish ", "Name": "al"}, "House 1": {"Name": "bob", "Pet": "CAT"}}, 1.0),
        ({"1": {"name": "Bob", "pet": "dog"}}, 0.25),
        ({"header": ["House", "Pet", "Name"], "rows": [["2", "red fish", "Al"], ["1", "cat", "Al"]]}, 0.75),
        ({"header": ["House", "Pet"], "rows": [["1"], [], 3, ["2", "cat", "x"]]}, 0.0),
        ({"1": "Bob", "2": ["Al"]}, 0.0),
    ],
)
def test_zebra_cells(given, share):
    response = f"First {{}} I think, then {json.dumps(given)} is it {{"
    assert ZebraCells()(Problem(7, "?", meta={"houses": HOUSES}), response) == share


def test_the_last_object_counts():
    problem = Problem(7, "?", meta={"houses": HOUSES})
    assert ZebraCells()(problem, json.dumps(HOUSES) + " or " + json.dumps({"1": {"pet": "cat"}})) == 0.25
    assert ZebraCells()(problem, "no JSON") == ZebraCells()(problem, '{"a":' * 2000) == 0.0


@pytest.mark.parametrize(
    ("scorer", "meta", "message"),
    [
        (Countdown(), {"numbers": [1.5], "target": 2}, r"needs meta\['numbers'\] \(whole\) and meta\['target'\]"),
        (KnightsKnaves(), {"roles": {"a": "spy"}}, r"needs meta\['roles'\], name -> knight or knave"),
        (ZebraCells(), {"houses": {}}, r"needs meta\['houses'\]"),
    ],
)
def test_bad_problems_are_refused(scorer, meta, message):
    with pytest.raises(GuerdonError, match=message):
        scorer.check(Problem(7, "?", meta=meta))
    assert from_json(to_json(scorer)) == scorer

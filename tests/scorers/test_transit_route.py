import json

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.transit_route import TransitRoute, plain
from guerdon.tasks.problem import Problem

LINES = {"L1": ["a", "b", "c"], "L2": ["c", "d"]}
DIRECT = {"lines": LINES, "from": "a", "to": "c", "transfers": 0}
CHANGE = {"lines": LINES, "from": "a", "to": "d", "transfers": 1}


def score(meta, *rides, **fields):
    text = json.dumps([dict(zip(("line", "from", "to"), ride, strict=True)) for ride in rides])
    found = TransitRoute(**fields)(Problem(9, "?", meta=meta), text)
    return found["correct"], found["detail"]


def test_right_routes():
    assert score(DIRECT, ("L1", "a", "c")) == (1.0, 6.0)
    assert score(CHANGE, ("L1", "a", "c"), ("L2", "c", "d")) == (1.0, 9.0)
    assert score(DIRECT, ("L1", "a", "c"), released=True) == (1.0, 1.0)
    assert score(CHANGE, ("L1", "a", "c"), ("L2", "c", "d"), released=True) == (1.0, 4.0)


@pytest.mark.parametrize(
    ("meta", "rides", "detail"),
    [
        (DIRECT, [("L2", "a", "c")], 2),
        (DIRECT, [("L9", "a", "c")], 2),
        (DIRECT, [("L1", "a", "b")], 0),
        (CHANGE, [("L1", "a", "d")], 5),
        (CHANGE, [("L1", "a", "b"), ("L2", "b", "d")], 9),
        (CHANGE, [("L1", "a", "b"), ("L2", "c", "d")], 8),
        (CHANGE, [("L9", "a", "c"), ("L2", "c", "d")], 6),
        (CHANGE, [("L1", "a", "b"), ("L1", "b", "c"), ("L2", "c", "d")], 2 + 3 + 1 + 3 + 3 - 5),
        (CHANGE, [], 0),
    ],
)
def test_wrong_routes_get_partial_credit(meta, rides, detail):
    correct, got = score(meta, *rides)
    assert got == detail and correct == float(len(rides) == 3)


def test_spelling_and_what_is_no_route():
    rides = [("l1", "A Station", "C"), ("L-2", "(c)", "D.")]
    assert score(CHANGE, *rides) == (1.0, 9.0)
    assert plain("St. Mary-Metro station") == "stmary"
    for text in ("", "take L1", "{}", "[1]", "[" * 10_000):
        assert TransitRoute()(Problem(9, "?", meta=CHANGE), text) == {"correct": 0.0, "detail": 0.0}


def test_other_questions_have_an_answer():
    piece = TransitRoute(tag="answer")
    assert piece(Problem(9, "?", "Yes"), "<answer>yes</answer>") == {"correct": 1.0, "detail": 0.0}
    assert piece(Problem(9, "?", "3"), "<answer>4</answer>")["correct"] == 0.0
    assert piece(Problem(9, "?", "3"), "3")["correct"] == 0.0
    piece.check(Problem(9, "?", "3"))


def test_refused():
    with pytest.raises(GuerdonError, match="problem 9 needs a reference answer"):
        TransitRoute().check(Problem(9, "?"))
    with pytest.raises(GuerdonError, match="problem 9 needs lines"):
        TransitRoute().check(Problem(9, "?", meta={"lines": LINES}))

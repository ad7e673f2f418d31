from math import log2

import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.ranking import Ranking, listed
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

TWO = Problem(7, "?", meta={"relevant": ["Heat", "Ran"]})


def score(response: str, problem: Problem = TWO, **fields: object) -> tuple[float, ...]:
    return tuple(Ranking(**fields)(problem, response).values())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "scores"),
    [
        ("heat\nran", (1, 1, 1)),
        ("1. Ran\n2. Heat\n3. Up", (1, 1, 1)),
        ("Up, Heat, Ran", (0, 1, (1 / log2(3) + 1 / 2) / (1 + 1 / log2(3)))),
        ('["Up", "Heat"]', (0, 1, (1 / log2(3)) / (1 + 1 / log2(3)))),
        ("Heat, Heat, Heat", (1, 1, 1 / (1 + 1 / log2(3)))),
        ("Up", (0, 0, 0)),
        ("", (0, 0, 0)),
    ],
)
def test_places_count(response, scores):
    assert score(response) == pytest.approx(scores)


def test_only_the_first_k_count():
    assert score("Up, Heat", k=1) == (0, 0, 0)
    assert score("Heat, Up", k=1) == (1, 1, 1)


def test_gains_and_a_single_answer():
    graded = Problem(7, "?", meta={"relevant": {"a": 3.0, "b": 1}})
    assert score("b, a", graded)[2] == pytest.approx((1 + 3 / log2(3)) / (3 + 1 / log2(3)))
    assert score("<a>x\ny</a>", Problem(7, "?", "y"), tag="a") == pytest.approx((0, 1, 1 / log2(3)))
    assert score("y", Problem(7, "?", "y"), tag="a") == (0, 0, 0)


def test_lists():
    assert listed("- a b\n* c\n\n12) d") == ["a b", "c", "d"]
    assert listed("[1, 2, 1]") == ["1", "2"] and listed("[" * 5000) == ["[" * 5000]


def test_refused():
    with pytest.raises(GuerdonError, match="k must be at least 1, got 0"):
        Ranking(k=0)
    for relevant in ([], {"a": 0}, {"a": "x"}):
        with pytest.raises(GuerdonError, match="problem 7 needs relevant items with positive gains"):
            Ranking().check(Problem(7, "?", meta={"relevant": relevant}))
    assert from_json(to_json(Ranking(k=3))) == Ranking(k=3)

"""Differences in pairs, and support."""

from dataclasses import replace

import pytest

from guerdon.errors import GuerdonError
from guerdon.evals.contrast import contrast
from guerdon.evals.pool import Pool, Responses
from guerdon.evaluate import measure
from guerdon.tasks.problem import Problem


def responses(table: dict[str, list[tuple[str | None, float]]], unit: str = "tokens") -> Responses:
    """Key -> (answer, right) of each response."""
    pools = [
        Pool(
            key,
            Problem(key, key),
            [f"say {answer}" for answer, _ in rows],
            [1.0] * len(rows),
            gold=[c for _, c in rows],
            right=[c for _, c in rows],
            answers=[answer for answer, _ in rows],
        )
        for key, rows in table.items()
    ]
    return Responses(pools, unit, {"success": 1.0, "answer": "text"}, drawn=2)


BASE = responses({"p": [("a", 1.0), ("b", 0.0)], "q": [("c", 0.0), ("d", 1.0)], "only": [("e", 1.0), ("e", 1.0)]})
NEW = responses({"q": [("c", 0.0), ("x", 1.0)], "p": [("a", 1.0), ("a", 1.0)], "more": [("f", 0.0), ("f", 0.0)]})


def test_pairs_and_support_by_hand():
    found = contrast(NEW, BASE, (1, 2), ("pass_at",))
    assert found.problems == 2
    assert found.base["pass_at", "1"].value == 0.5 and found.new["pass_at", "1"].value == 0.75
    change = found.change["pass_at", "1"]
    # p gains a half, q nothing, so a draw of both is worth a quarter.
    assert (change.value, change.low, change.high) == (0.25, 0.0, 0.5)
    assert found.change["pass_at", "2"].value == found.change["pass_at", "2"].high == 0.0
    # a is kept, x is found, d is lost.
    assert (found.counts.kept, found.counts.gained, found.counts.lost) == (1, 1, 1)
    assert {name: value.value for name, value in found.support.items()} == pytest.approx(
        {"retention": 0.5, "discovery": 0.5, "dynamics": 0.5, "net_change": 0.0}
    )
    assert found.detectable == pytest.approx(1 - 0.05**0.5)
    data = found.to_json()
    assert data["support"]["kept"] == 1 and data["change"]["pass_at"]["1"]["low"] == 0.0


def test_a_policy_against_itself_has_no_difference_and_all_its_support():
    found = contrast(BASE, BASE, (1,), ("pass_at", "length", "diversity"))
    assert all((e.value, e.low, e.high) == (0, 0, 0) for e in found.change.values())
    assert found.support["retention"].value == 1.0 and found.support["net_change"].value == 0.0


def test_shared_problems_have_the_same_intervals_as_alone():
    alone, found = measure(BASE, (1,), ("pass_at",)), contrast(BASE, BASE, (1,), ("pass_at",))
    assert found.base["pass_at", "1"].value == alone[1].value


def test_a_right_text_without_an_answer_counts_as_itself():
    odd = responses({"p": [(None, 1.0), ("b", 0.0)]})
    assert contrast(odd, odd, (1,), ()).counts.kept == 1


def test_without_right_answers_there_is_no_support():
    wrong = responses({"p": [("a", 0.0), ("b", 0.0)]})
    found = contrast(wrong, wrong, (1,), ())
    assert found.support == {} and found.counts.kept == 0 and found.to_json()["support"]["lost"] == 0


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(GuerdonError, match="share none"):
        contrast(responses({"z": [("a", 1.0)]}), BASE, (1,), ())
    with pytest.raises(GuerdonError, match="same unit"):
        contrast(replace(NEW, unit="characters"), BASE, (1,), ())

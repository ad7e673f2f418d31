import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.choice import Choice
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

CITIES = {"options": ["Rome", "Paris", "The Hague"]}


@pytest.mark.parametrize(
    ("answer", "response", "score"),
    [
        ("B", "B", 1), ("B", "(b)", 1), ("B", "The answer is (B).", 1), ("B", "\\boxed{\\text{B}}", 1), ("B", "C", 0),
        ("AC", "C, A", 1), ("A,C", "CA", 1), ("A", "A and C", 0), ("A", "ABCDE", 0), ("A", "A, B, C, D, E", 0),
        ("B", "BAD", 0), ("A", "AND", 0), ("A", "", 0), ("A", "none", 0), ("B", "B. A cat", 1), ("F", "E", 0),
        ("B", "A is wrong\nAnswer: B", 1), ("B", "I see\nA, surely\nso B", 1),
    ],
)  # fmt: skip
def test_letters_in_any_order(answer, response, score):
    assert Choice(options=6)(Problem(0, "?", answer), response) == score


@pytest.mark.parametrize(
    ("response", "score"),
    [("paris.", 1), ("B. Paris", 1), ("A. Paris", 0), ("(B)", 1), ("Rome", 0), ("Rome, Paris", 0), ("D", 0)],
)
def test_the_text_of_an_option_is_its_letter(response, score):
    assert Choice()(Problem(0, "?", "B", CITIES), response) == score
    assert Choice()(Problem(0, "?", "Paris", CITIES), response) == score
    assert Choice(tag="a")(Problem(0, "?", "B", CITIES), f"A <a>{response}</a> C") == score


def test_saved_and_refused():
    assert from_json(to_json(Choice(options=4, tag="answer"))) == Choice(options=4, tag="answer")
    for answer in ("", "Z", "?"):
        with pytest.raises(GuerdonError, match="needs an answer that names an option"):
            Choice().check(Problem(3, "?", answer))
    with pytest.raises(GuerdonError, match="needs a list of texts"):
        Choice().check(Problem(3, "?", "A", {"options": "AB"}))
    with pytest.raises(GuerdonError, match="at most 26 options, got 27"):
        Choice().check(Problem(3, "?", "A", {"options": ["x"] * 27}))
    with pytest.raises(GuerdonError, match="between 2 and 26, got 1"):
        Choice(options=1)

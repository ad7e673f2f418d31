import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.format import Pattern, Tags
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem

ANY = Problem(0, "?")


def test_tags():
    texts = ("<think>a</think> <answer>b</answer>", "a</think><answer>b</answer>", "b")
    assert [Tags()(ANY, text) for text in texts] == [1.0, 0.0, 0.0]
    assert [Tags(opened=True)(ANY, text) for text in ("<think>a</think><answer>b</answer>", texts[1])] == [0.0, 1.0]


def test_pattern():
    assert [Pattern(r"\d+")(ANY, text) for text in ("12", "12 ", "")] == [1.0, 0.0, 0.0]
    assert Tags.trusted and not Pattern.trusted


def test_saved_and_refused():
    for piece in (Tags(("a", "b")), Pattern("a|b")):
        assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match="must be a regular expression, got '\\('"):
        Pattern("(")
    with pytest.raises(GuerdonError, match="one or more different names"):
        Tags(("a", "a"))

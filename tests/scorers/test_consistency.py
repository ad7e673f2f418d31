import pytest

from guerdon.errors import GuerdonError
from guerdon.scorers.consistency import Consistency
from guerdon.tasks.problem import Problem

ANY = Problem(0, "?")

CASES = [
    ("<think>1 is worse.\nSo 2 is better.</think><answer>2</answer>", 1),
    ("<think>1 is worse.\nSo 2 is better.</think><answer> 1 </answer>", -1),
    ("<think>2 it is</think><answer>both</answer>", 0),
    ("<think>neither 12 nor v1</think><answer>1</answer>", 0),
    ("<think>2\na\nb\n\nc</think><answer>1</answer>", 0),
    ("<think>2\na\n\nb</think><answer>1</answer>", -1),
    ("<think></think><answer>1</answer>", 0),
    ("1 <answer>1</answer>", 0),
    ("", 0),
]


def test_the_last_choice_that_the_end_of_the_analysis_mentions():
    assert [Consistency()(ANY, text) for text, _ in CASES] == [score for _, score in CASES]


def test_options():
    assert Consistency(opened=True)(ANY, "so 1</think><answer>1</answer>") == 1
    letters = Consistency(("A", "AB"), analysis="a", verdict="v")
    assert letters(ANY, "<a>then AB</a><v>A</v>") == -1 and letters(ANY, "<a>then (A)</a><v>A</v>") == 1
    assert Consistency(("1.5", "115"))(ANY, "<think>115</think><answer>1.5</answer>") == -1


def test_bad_fields():
    for bad in ({"choices": ("1", "1")}, {"choices": ("1", "")}, {"lines": 0}):
        with pytest.raises(GuerdonError, match="Consistency needs two or more choices and lines >= 1"):
            Consistency(**bad)

import pytest

from guerdon.tasks.answer import last_number, tagged


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("so the answer is 42.", 42.0),
        ("1,234.5 dollars", 1234.5),
        ("10 - 3 = 7", 7.0),
        ("7-3", 3.0),
        ("it is \N{MINUS SIGN}5", -5.0),
        ("3/4 of it", 0.75),
        ("2e3", 2000.0),
        (".5", 0.5),
        ("1, 2", 2.0),
        ("none", None),
        ("", None),
        ("1/0", None),
        ("1e999", None),
    ],
)
def test_last_number(text, number):
    assert last_number(text) == number


@pytest.mark.parametrize(
    ("response", "tag", "answer"),
    [
        (" 5 \n", None, "5"),
        ("a <answer> 5 </answer> b", "answer", "5"),
        ("<answer>1</answer><answer>2</answer>", "answer", "2"),
        ("<answer>1</answer><answer>2", "answer", "1"),
        ("<answer>2", "answer", None),
        ("</answer>2<answer>", "answer", None),
        ("2", "answer", None),
    ],
)
def test_tagged(response, tag, answer):
    assert tagged(response, tag) == answer

import pytest

from guerdon.tasks.answer import after_thinking, fits, last_number, tagged, tags_in_order


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


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("<a>1</a><b>2</b>", True),
        (" <a>1</a>\n<b></b> ", True),
        ("<a>1</a> and <b>2</b>", False),
        ("<a>1</a><b>2</b>.", False),
        ("so <a>1</a><b>2</b>", False),
        ("<b>2</b><a>1</a>", False),
        ("<a>1<b>2</b></a>", False),
        ("<a>1</a><a>1</a><b>2</b>", False),
        ("<a>1</a><b>2", False),
        ("</a>1<a><b>2</b>", False),
        ("", False),
    ],
)
def test_tags_in_order(text, shape):
    assert tags_in_order(text, ("a", "b")) is shape


def test_fits_takes_the_whole_text():
    assert fits("a.*b", "a\nb") and not fits("a", "ab")


def test_after_thinking():
    assert after_thinking(" <think>a b c</think> hi ") == "hi"
    assert after_thinking("<why>a</why>b", "why") == "b" and after_thinking("a</think>b", opened=True) == "b"
    for malformed in (
        "hi",
        "<think>hi",
        "a</think>b",
        "<think>a</think>",
        "x<think>a</think>b",
        "<think>a</think>b</think>",
    ):
        assert after_thinking(malformed) is None

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guerdon.tasks.final_answer import boxed, final_answer, last_expression, marked


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        (r"so \boxed{\frac{1}{2}} and \boxed{\{1,2\}}", [r"\frac{1}{2}", r"\{1,2\}"]),
        (r"\boxed{[0,1\}}", [r"[0,1\}"]),
        (r"\boxed{\boxed{5}}", ["5"]),
        (r"\boxed{a}\boxed{b", ["a"]),
        (r"\boxed 5 \fbox{3} \\boxed{4}", ["5", "3", "4"]),
        ("none", []),
    ],
)
def test_boxes(text, boxes):
    assert boxed(text) == boxes


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The final answer is 7. But \\boxed{8}, I think.\n#### 9", "8"),
        ("The answer is 7.\n#### 1,234\n", "1,234"),
        ("The final answer is $\\frac12$. I hope it is correct.", "\\frac12"),
        ("**Answer:** 42", "42"),
        ("Answer: 41\nFinal Answer: 3.5.", "3.5"),
        ("the sum\nA: 26", "26"),
        ("The answer is 5 because 2+3=5.", "5"),
        ("The answer is 18 dollars. So be it.", "18"),
        ("The answer is 1.5 million.", "1.5 million"),
        ("The answer is:\n\n$7$", "7"),
        ("The answer is Evelyn.", "Evelyn"),
        ("we get $x=5$ or \\(y\\)", "y"),
        ("in all $18", "$18"),
        ("so 1 1/2 or -3,200.50 dollars", "-3,200.50"),
        ("half, that is 50%.", "50%"),
        ("nothing", None),
        ("", None),
    ],
)
def test_the_final_answer(text, answer):
    assert final_answer(text) == answer


def test_tags_and_what_was_not_announced():
    assert final_answer("3 <answer> 4 </answer> 5", tag="answer") == "4"
    assert final_answer("3", tag="answer") is None and final_answer("<answer></answer>", tag="answer") is None
    assert final_answer("it is 3", announced=True) is None and marked("it is 3") is None
    assert final_answer("#### 3", announced=True) == "3"
    assert last_expression("1 then $2$ then 3") == "3"


@given(st.text(alphabet="\\boxed{}$#() 1.,answeri:\n", max_size=80))
def test_any_text_has_an_answer_or_none(text):
    answer = final_answer(text)
    assert answer is None or answer == answer.strip()

import json

import pytest

from guerdon.audit.cases import Case, built_in, from_lines, from_task, near, of_problems
from guerdon.errors import GuerdonError
from guerdon.tasks.modular_sum import ModularSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_tree import TokenTree


def test_built_in_problems_repeat_and_hold_negative_answers():
    cases = built_in(24, seed=0)
    assert cases == built_in(24, seed=0) != built_in(24, seed=1)
    assert sum(case.number < 0 for case in cases) == 6 and any(case.number > 1000 for case in cases)
    assert all(case.answer in case.reasoning and case.answer not in case.wrong for case in cases)


def test_reasoning_before_a_wrong_answer_does_not_give_the_right_one_away():
    case = Case(Problem(0, "?"), "7", ("8",), "First 3 + 3 = 6. Then 6 + 1 = 7.", "boxed")
    assert case.say("7") == "First 3 + 3 = 6. Then 6 + 1 = 7.\nThe answer is \\boxed{7}."
    assert case.say("8") == "First 3 + 3 = 6.\nThe answer is \\boxed{8}."


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("5", ("6", "57", "-8")),
        ("-1,000", ("-999", "-9993", "997")),
        ("B", ("A", "C", "D")),
        ("(c)", ("(A)", "(B)", "(D)")),
        ("[1, 2, 3, 4]", ("[4, 5, 6, 7]",)),
        ("cat", ("dog", "cow")),
    ],
)
def test_wrong_answers_are_of_the_kind_of_the_right_one(answer, wrong):
    assert near(answer, ["cat", "dog", "cow"]) == wrong
    assert near("abc", ["abc"]) == ("cba",) and near("aa", []) == ("not aa",)


def test_problems_from_a_file_and_from_a_task(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [{"prompt": "p", "answer": 3, "solution": "s"}, {"prompt": "q", "answer": "x", "meta": {"k": 1}}]
    path.write_text("\n\n".join(map(json.dumps, lines)))
    first, second = from_lines(str(path), 5)
    assert (first.answer, first.reasoning, second.problem.meta) == ("3", "s", {"k": 1})
    assert len(from_lines(str(path), 1)) == 1
    assert len(from_task(ModularSum(), 3)) == 3
    path.write_text('{"prompt": "p"}')
    with pytest.raises(GuerdonError, match="line 1 must be an object with an `answer`"):
        from_lines(str(path), 5)
    path.write_text("")
    with pytest.raises(GuerdonError, match="at least one problem"):
        from_lines(str(path), 5)
    with pytest.raises(GuerdonError, match="made of problems with answers, got TokenTree"):
        from_task(TokenTree(), 3)
    with pytest.raises(GuerdonError, match="problem 4 has none"):
        of_problems([Problem(4, "?")])

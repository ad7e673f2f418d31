from collections import Counter

import pytest

from guerdon.errors import GuerdonError
from guerdon.tasks.problem import ProblemTask
from guerdon.tasks.worked_sum import WorkedSum, follows

MIXED = {"{chain}:{answer}": 2.0, "N{noise}:{answer}": 1.0, ":{answer}": 1.0}


def test_demonstrations_are_right_and_show_the_running_sums():
    task = WorkedSum(terms=2, most_terms=4, modulus=7)
    assert isinstance(task, ProblemTask)
    lengths = set()
    for number in range(50):
        problem = task.problem("train", number)
        digits = [int(digit) for digit in problem.prompt[:-1].split("+")]
        running = [sum(digits[: k + 1]) % 7 for k in range(len(digits))]
        assert problem.answer == "".join(map(str, running)) + f":{running[-1]}"
        assert task.score(problem, problem.answer) == 1 and follows(problem.answer)
        assert task.score(problem, f"123: {running[-1]} ") == 1
        assert task.score(problem, f":{(running[-1] + 1) % 7}") == 0 and task.score(problem, "") == 0
        assert problem == task.problem("train", number)
        lengths.add(len(digits))
    assert lengths == {2, 3, 4}


def test_no_prompt_is_in_both_splits_and_seeds_differ():
    task = WorkedSum(terms=2)
    prompts = {split: {task.problem(split, n).prompt for n in range(task.size(split))} for split in ("train", "test")}
    assert not prompts["train"] & prompts["test"]
    other = WorkedSum(terms=2, seed=1)
    assert [other.problem("train", n).prompt for n in range(9)] != [task.problem("train", n).prompt for n in range(9)]


def test_styles_come_in_their_shares():
    task = WorkedSum(styles=MIXED)
    problems = [task.problem("train", number) for number in range(2000)]
    counts = Counter(problem.meta["style"] for problem in problems)
    assert all(abs(counts[style] / 2000 - share / 4) < 0.04 for style, share in MIXED.items())
    assert all(task.score(problem, problem.answer or "") == 1 for problem in problems)
    noise = [problem.answer or "" for problem in problems if problem.meta["style"].startswith("N")]
    assert 0.05 < sum(map(follows, noise)) / len(noise) < 0.16


def test_answers_that_follow():
    assert follows("413:3") and follows("3: 3") and not follows("413:4")
    assert not follows(":3") and not follows("3") and not follows("")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"modulus": 11}, r"modulus must lie in 2\.\.10, got 11"),
        ({"terms": 1}, "terms must be at least 2"),
        ({"terms": 4, "most_terms": 3}, "at most most_terms, got terms=4, most_terms=3"),
        ({"train_size": 0}, "train_size and test_size must be at least 1"),
        ({"marker": ""}, "marker must be a text"),
        ({"styles": {}}, "styles must have shares"),
        ({"styles": {"{answer}": -1.0}}, "styles must have shares"),
        ({"styles": {"{anser}": 1.0}}, "must use only"),
    ],
)
def test_bad_fields(fields, message):
    with pytest.raises(GuerdonError, match=message):
        WorkedSum(**fields)


def test_numbers_outside_the_split():
    with pytest.raises(GuerdonError, match=r"number in 0\.\.199, got 200"):
        WorkedSum().problem("test", 200)

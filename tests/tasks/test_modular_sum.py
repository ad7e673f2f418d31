import pytest

from guerdon.errors import GuerdonError
from guerdon.tasks.modular_sum import ModularSum
from guerdon.tasks.problem import Problem, ProblemTask


def test_every_prompt_is_in_one_split_and_right():
    task = ModularSum(modulus=5)
    assert isinstance(task, ProblemTask)
    seen = {}
    for split in ("train", "test"):
        for number in range(task.size(split)):
            problem = task.problem(split, number)
            assert problem == task.problem(split, number)
            seen[problem.prompt] = split
            assert int(problem.answer) == eval(problem.prompt.rstrip("=")) % 5
    assert len(seen) == 50 and list(seen.values()).count("test") == 10


def test_scoring_and_seeds():
    task = ModularSum()
    problem = Problem(id=0, prompt="3+9=", answer="1")
    assert [task.score(problem, text) for text in ("1", " 1\n", "11", "12", "")] == [1, 1, 0, 0, 0]
    assert task.problem("train", 0) == ModularSum().problem("train", 0)
    orders = [[ModularSum(seed=seed).problem("train", i).prompt for i in range(5)] for seed in (0, 1)]
    assert orders[0] != orders[1]


def test_range():
    with pytest.raises(GuerdonError, match=r"ModularSum.modulus must be at least 2, got 1"):
        ModularSum(1)

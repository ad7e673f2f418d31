from dataclasses import dataclass

import pytest

from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem, ProblemTask
from guerdon.tasks.step_puzzles import StepPuzzles
from guerdon.tasks.worked_sum import WorkedSum


@dataclass(frozen=True)
class Solutions(TaskSpec):
    answers: tuple[str, ...] = ("x=2\ny=4\nz=8",)

    def size(self, split):
        return len(self.answers)

    def problem(self, split, number):
        return Problem(number, "Q ", self.answers[number])

    def score(self, problem, response):
        return 0.0


def test_masked_steps_are_the_answer():
    task = StepPuzzles(Solutions(), masks=2)
    assert isinstance(task, ProblemTask)
    problem = task.problem("train", 0)
    steps, masks = ["x=2", "y=4", "z=8"], problem.meta["masks"]
    shown = "\n".join("_" if step in masks else step for step in steps)
    assert problem.prompt == f"Q {shown}\n" and len(masks) == 2
    assert task.score(problem, problem.answer) == 1.0 and task.score(problem, f"{masks[0]}\nno") == 0.5
    assert task.problem("train", 0) == problem


def test_shuffled_steps_are_never_in_order_and_the_answer_puts_them_there():
    for seed in range(50):
        task = StepPuzzles(Solutions(("a1\nb2", "x=2\ny=4\nz=8")), "order", seed=seed)
        for number, steps in enumerate((["a1", "b2"], ["x=2", "y=4", "z=8"])):
            problem = task.problem("train", number)
            shown = dict(part.split(":") for part in problem.prompt.removeprefix("Q ").split())
            assert list(shown.values()) != steps
            assert [shown[label] for label in problem.meta["order"]] == steps
            assert task.score(problem, problem.answer) == 1.0
            assert task.score(problem, " ".join(shown)) < 1.0


def test_problems_that_cannot_be_used_are_passed_over():
    answers = ("a\na", "one", "a\nb\na")
    assert StepPuzzles(Solutions(answers), seed=1).problem("train", 0).meta["masks"] == ["one"]
    assert StepPuzzles(Solutions(answers), seed=1).problem("train", 2).meta["masks"] == ["b"]
    assert StepPuzzles(Solutions(answers), leaks=True).problem("train", 0).meta["masks"] == ["a"]
    with pytest.raises(GuerdonError, match="no problem of Solutions has steps that StepPuzzles can order"):
        StepPuzzles(Solutions(answers), "order").problem("train", 0)


def test_characters_of_a_worked_sum():
    task = StepPuzzles(WorkedSum(), separator="", leaks=True)
    inner, problem = WorkedSum().problem("train", 3), task.problem("train", 3)
    assert len(problem.answer) == 1 and problem.prompt.count("_") == 1
    assert problem.prompt.replace("_", problem.answer) == f"{inner.prompt}{inner.answer}\n"


def test_bad_fields():
    with pytest.raises(GuerdonError, match="masks must be at least 1"):
        StepPuzzles(Solutions(), masks=0)

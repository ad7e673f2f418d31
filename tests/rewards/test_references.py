"""Scores of stored reference answers."""

import math
from dataclasses import dataclass

import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.piece import TaskSpec
from guerdon.rewards.guard import Guard
from guerdon.rewards.references import ReferenceRewards
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class Lengths(TaskSpec):
    """Scores are lengths; an empty response cannot be scored."""

    def size(self, split):
        return 1

    def problem(self, split, number):
        return Problem(number, "?")

    def score(self, problem, response):
        if not response:
            raise ValueError("empty")
        return float(len(response))


def table(piece, *problems, task=None):
    batch = ragged([[0.0]] * len(problems)).with_columns({"group.problem": list(problems)})
    return piece(batch.with_run(task=task or Lengths()))["group.reference_reward"].tolist()


def test_stored_texts_or_else_the_answer():
    piece = ReferenceRewards(most=2, guard=Guard(isolate=False))
    rows = table(
        piece,
        Problem(0, "p", meta={"references": ["a", "abc", "abcd"]}),
        Problem(1, "p", answer="ab"),
        Problem(2, "p"),
        Problem(3, "p", meta={"references": ["", "abc"]}),
    )
    assert rows[0] == [1.0, 3.0]
    assert rows[1][0] == 2.0 and math.isnan(rows[1][1])
    assert all(map(math.isnan, rows[2]))
    assert math.isnan(rows[3][0]) and rows[3][1] == 3.0


def test_a_function_takes_the_place_of_the_task():
    piece = ReferenceRewards("scoring_functions:matches", guard=Guard(isolate=False))
    assert table(piece, Problem(0, "p", answer="four"), task=object()) == [[1.0]]


def test_in_a_worker():
    assert table(ReferenceRewards(), Problem(0, "p", answer="abc")) == [[3.0]]


def test_refusals():
    with pytest.raises(GuerdonError, match="needs a task with a verifier or a function, got object"):
        table(ReferenceRewards(), Problem(0, "p", answer="a"), task=object())
    with pytest.raises(GuerdonError, match=r"package\.module:name, got 'nothing'"):
        ReferenceRewards("nothing")
    with pytest.raises(GuerdonError, match="at least 1, got 0"):
        ReferenceRewards(most=0)

import dataclasses
import json
import math
from dataclasses import dataclass

import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.rewards import _pool
from guerdon.rewards.guard import Guard
from guerdon.rewards.verifier import Verifier
from guerdon.serial import from_json, to_json
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import Problem

CALLS = []


@dataclass(frozen=True)
class Fussy(TaskSpec):
    """Scores equality; raises on an empty response."""

    def size(self, split):
        return 2

    def problem(self, split, number):
        return Problem(number, f"say {number}", str(number))

    def score(self, problem, response):
        CALLS.append((problem.id, response))
        if not response:
            raise ValueError("empty")
        return float(response == problem.answer)


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def batch_for(task, responses):
    """One group per list of responses, to the problems 0, 1, ..."""
    problems = [task.problem("train", number) for number in range(len(responses))]
    flat = [response for group in responses for response in group]
    columns = {"traj.response": flat, "group.problem": problems, "group.prompt": [item.prompt for item in problems]}
    return batch_of([len(group) for group in responses], columns=columns).with_run(task=task)


def test_scores_of_the_task_and_reasons():
    batch = batch_for(Fussy(), [["0", "1", ""], ["1"]])
    piece = Verifier(guard=Guard(isolate=False))
    out = piece(batch)
    assert set(out) == set(piece.writes)
    assert out["traj.reward/correct"].dtype == torch.get_default_dtype()
    assert out["traj.reward/correct"].tolist() == pytest.approx([1.0, 0.0, math.nan, 1.0], nan_ok=True)
    reasons = out["traj.reward_error"]
    assert reasons[:2] == ["", ""] and reasons[3] == "" and reasons[2].startswith("correct: ValueError: empty (")


def test_equal_responses_to_a_problem_are_scored_once():
    CALLS.clear()
    batch = batch_for(Fussy(), [["0", "0", "1"], ["0", "1", "1"]])
    out = Verifier(guard=Guard(isolate=False))(batch)
    assert out["traj.reward/correct"].tolist() == [1, 1, 0, 0, 1, 1]
    assert CALLS == [(0, "0"), (0, "1"), (1, "0"), (1, "1")]


def test_unscored_reaches_the_combined_reward_as_nan():
    batch = batch_for(Fussy(), [["0", ""]])
    batch = batch.with_columns(Verifier(guard=Guard(isolate=False))(batch))
    assert WeightedSum()(batch)["traj.reward"].tolist() == pytest.approx([1.0, math.nan], nan_ok=True)


def test_reasons_of_two_rewards_are_kept():
    batch = batch_for(Fussy(), [["0", ""]])
    for name in ("a", "b"):
        batch = batch.with_columns(Verifier(name=name, guard=Guard(isolate=False))(batch))
    first, second = batch["traj.reward_error"]
    assert first == "" and second.startswith("a: ValueError: empty") and "; b: ValueError: empty" in second
    assert batch.names("traj", "reward/") == ["reward/a", "reward/b"]


def test_in_a_worker(tmp_path):
    path = tmp_path / "sums.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": f"{n}+1", "answer": n + 1}) for n in range(2)))
    batch = batch_for(JsonlProblems(str(path)), [["1", "2"], ["2", "2"]])
    assert Verifier()(batch)["traj.reward/correct"].tolist() == [1, 0, 1, 1]


def test_saved_and_refused():
    piece = Verifier(name="right", guard=Guard(timeout=2))
    assert from_json(to_json(piece)) == piece
    assert piece.writes == ("traj.reward/right", "traj.reward_error")
    with pytest.raises(GuerdonError, match="time limits must be positive"):
        dataclasses.replace(piece, guard=Guard(timeout=0))
    batch = batch_of([1], columns={"traj.response": ["x"], "group.problem": [None]}).with_run(task=None)
    with pytest.raises(GuerdonError, match="problems with a verifier, got NoneType"):
        piece(batch)


@dataclass(frozen=True)
class Partial(Fussy):
    """Credit for every response, by its number; an empty one raises."""

    def score(self, problem, response):
        if not response:
            raise ValueError("empty")
        return float(response)


def test_a_threshold_turns_partial_credit_into_right_or_wrong_and_keeps_what_is_unscored():
    batch = batch_for(Partial(), [["0.2", "0.5", "1", ""]])
    kept = Verifier(guard=Guard(isolate=False))(batch)["traj.reward/correct"].tolist()
    strict = Verifier(guard=Guard(isolate=False), threshold=0.5)(batch)["traj.reward/correct"].tolist()
    assert kept == pytest.approx([0.2, 0.5, 1.0, math.nan], nan_ok=True)
    assert strict == pytest.approx([0.0, 1.0, 1.0, math.nan], nan_ok=True)

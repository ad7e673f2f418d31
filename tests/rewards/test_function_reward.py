import math

import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.serial import from_json, to_json
from guerdon.tasks.problem import Problem


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def batch_for(responses, **columns):
    """One group of responses to the problem "1+1"."""
    problem = Problem(0, "1+1", "2")
    fixed = {"traj.response": responses, "group.problem": [problem], "group.prompt": [problem.prompt]}
    return batch_of([len(responses)], columns={**fixed, **columns})


def rewards(piece, batch):
    out = piece(batch)
    assert set(out) == set(piece.writes)
    return {key: value.tolist() for key, value in out.items() if key != "traj.reward_error"}, out["traj.reward_error"]


@pytest.mark.parametrize("isolate", [True, False])
def test_one_number(isolate):
    piece = Function("scoring_functions:matches", name="right", guard=Guard(isolate=isolate))
    values, reasons = rewards(piece, batch_for(["2", "3", ""]))
    assert values == {"traj.reward/right": pytest.approx([1.0, 0.0, math.nan], nan_ok=True)}
    assert reasons == ["", "", "right: unscored: the function returned None"]


@pytest.mark.parametrize("isolate", [True, False])
def test_components(isolate):
    piece = Function(
        "scoring_functions:graded",
        components=("a", "b"),
        columns=("group.source", "traj.extra"),
        guard=Guard(isolate=isolate),
    )
    columns = {"group.source": ["web"], "traj.extra": torch.arange(5)}
    values, reasons = rewards(piece, batch_for(["four", "boom", "part", "one", "more"], **columns))
    nan = math.nan
    assert values["traj.reward/a"] == pytest.approx([4, nan, 1, nan, 1], nan_ok=True)
    assert values["traj.reward/b"] == pytest.approx([nan, nan, nan, nan, 2], nan_ok=True)
    assert reasons[0] == "function: b: unscored: the function returned None"
    assert reasons[1].startswith("function: ValueError: 1+1/web/['extra', 'problem']")
    assert reasons[2] == "function: the function's components must be a, b; missing or unknown: b"
    assert reasons[3] == "function: the function must return components a, b, got one number"
    assert reasons[4] == "function: the function's components must be a, b; missing or unknown: c"


def test_undeclared_components_are_refused():
    piece = Function("scoring_functions:graded", columns=("group.source",), guard=Guard(isolate=False))
    with pytest.raises(GuerdonError, match="must be one number, got components a, b; name them"):
        piece(batch_for(["x"], **{"group.source": ["web"]}))


def test_columns_and_batched():
    truncated = {"traj.truncated": torch.tensor([True, False])}
    piece = Function("scoring_functions:truncation", columns=("traj.truncated",), guard=Guard(isolate=False))
    assert rewards(piece, batch_for(["a", "b"], **truncated))[0] == {"traj.reward/function": [1.0, 0.0]}
    piece = Function("scoring_functions:lengths", guard=Guard(batched=True))
    assert rewards(piece, batch_for(["a", "bcd"]))[0] == {"traj.reward/function": [1.0, 3.0]}


def test_a_worker_reads_problems_without_torch():
    piece = Function("scoring_functions:problem_without_torch", components=("answer", "torch"))
    assert rewards(piece, batch_for(["a"]))[0] == {"traj.reward/answer": [2.0], "traj.reward/torch": [0.0]}


def test_an_argument_that_nobody_gives_is_said_at_once():
    for isolate in (True, False):
        piece = Function("scoring_functions:graded", guard=Guard(isolate=isolate))
        with pytest.raises(GuerdonError, match="it needs source, but is given prompt, response, problem"):
            piece(batch_for(["a"]))


def test_saved_and_refused():
    piece = Function("a.b:c", components=("x",), columns=("traj.truncated",))
    assert from_json(to_json(piece)) == piece
    assert piece.reads == ("group.prompt", "traj.response", "group.problem", "traj.truncated")
    assert piece.writes == ("traj.reward/x", "traj.reward_error")
    for path in ("a.b", ":c", "a:"):
        with pytest.raises(GuerdonError, match=r"must be package\.module:name"):
            Function(path)
    with pytest.raises(GuerdonError, match="different names, got prompt twice"):
        Function("a:b", columns=("traj.prompt",))
    with pytest.raises(GuerdonError, match=r"level traj, group or run, got token\.id"):
        Function("a:b", columns=("token.id",))

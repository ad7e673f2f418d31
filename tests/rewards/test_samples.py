import pytest

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.function import Function
from guerdon.rewards.guard import Guard
from guerdon.rewards.remote import Remote
from guerdon.rewards.samples import SampleJudge, problem_of, with_options
from guerdon.rewards.scored import Scored
from guerdon.rewards.verifier import Verifier
from guerdon.scorers.exact import Exact
from guerdon.scorers.format import Pattern
from guerdon.tasks.jsonl import JsonlProblems
from guerdon.tasks.problem import Problem


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def numbered(*samples):
    return [*enumerate(samples, 1)]


def test_rules_directly_and_functions_through_a_batch_give_the_same():
    samples = numbered(
        {"response": "2", "answer": "2"}, {"response": "3", "answer": 2}, {"response": "", "answer": "2"}
    )
    here = Guard(isolate=False)
    rule = SampleJudge(Scored(Exact()))(samples)
    mine = SampleJudge(Function("scoring_functions:matches", name="correct", guard=here))(samples)
    assert [row["reward"]["correct"] for row in rule] == [1.0, 0.0, 0.0]
    assert mine[:2] == rule[:2] and mine[2] == {
        "reward": {"correct": None},
        "error": "correct: unscored: the function returned None",
    }
    assert SampleJudge(Scored(Exact()))([]) == []


def test_further_keys_are_columns_and_a_threshold_holds(tmp_path):
    piece = Function("scoring_functions:truncation", columns=("traj.truncated",), guard=Guard(isolate=False))
    assert SampleJudge(piece)(numbered({"response": "a", "truncated": True}))[0]["reward"] == {"function": 1.0}
    path = tmp_path / "a.jsonl"
    path.write_text('{"prompt": "1+1", "answer": 2}')
    task = JsonlProblems(str(path), test_path=None)
    judge = SampleJudge(Verifier(threshold=0.5, guard=Guard(isolate=False)), task)
    samples = numbered(
        {"response": "2", "problem": 0, "split": "train"}, {"response": "3", "problem": 0, "split": "train"}
    )
    assert [row["reward"]["correct"] for row in judge(samples)] == [1.0, 0.0]


def test_problems():
    assert problem_of(None, 5, {"response": "x"}) == Problem(5, "", None, {})
    chat = [{"role": "user", "content": "hi"}]
    given = {"response": "x", "prompt": chat, "answer": 4, "meta": {"a": 1}, "id": "p"}
    assert problem_of(None, 5, given) == Problem("p", tuple(chat), "4", {"a": 1})
    for sample, says in [
        ({}, "line 5 must be an object with a text"),
        ({"response": None}, "line 5 must be"),
        ({"response": "x", "problem": 1}, "line 5 names a problem by its number"),
        ({"response": "x", "meta": [1]}, "line 5 must have an object under `meta`, got list"),
    ]:
        with pytest.raises(GuerdonError, match=says):
            problem_of(None, 5, sample)
    with pytest.raises(GuerdonError, match="name a task of problems with --task"):
        SampleJudge(Verifier())


def test_options_reach_the_guard_or_the_piece_itself():
    many = {"workers": 3, "timeout": 2.0, "cache": "a"}
    assert with_options(Function("a:b"), **many).guard == Guard(workers=3, timeout=2.0, cache="a")
    assert with_options(Scored(Pattern("x")), workers=3).guard == Guard(workers=3)
    assert with_options(Scored(Exact()), workers=3, timeout=2.0) == Scored(Exact())
    assert with_options(Scored(Exact()), workers=3, cache="a").guard == Guard(isolate=False, cache="a")
    remote = with_options(Remote("http://a"), **many)
    assert (remote.workers, remote.timeout, remote.cache) == (3, 2.0, "a")
    assert with_options(Exact(), workers=None) == Exact()
    with pytest.raises(GuerdonError, match="Exact must have a guard for --workers, got none"):
        with_options(Exact(), workers=2)

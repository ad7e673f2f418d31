import math
from dataclasses import dataclass

import pytest
from strategies import batch_of

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.guard import Guard
from guerdon.rewards.scored import Scored
from guerdon.scorers.exact import Exact
from guerdon.scorers.format import Pattern, Tags
from guerdon.serial import from_json, to_json
from guerdon.specs import reward
from guerdon.tasks.problem import Problem

CALLS = []
HERE = Guard(isolate=False)


@dataclass(frozen=True)
class Length(Scorer):
    """Two scores: letters, which may be too many, and words, of which one is no number."""

    components = ("letters", "words")
    bounds = (0.0, 3.0)

    def __call__(self, problem, response):
        CALLS.append(response)
        return {"letters": len(response), "words": len(response.split()) or None}


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def batch_for(*responses, answer="1"):
    problem = Problem(0, "?", answer)
    return batch_of([len(responses)], columns={"traj.response": list(responses), "group.problem": [problem]})


def test_a_rule_becomes_a_component_under_its_own_name_or_another():
    out = Scored(Exact())(batch_for("1", "2"))
    assert (out["traj.reward/correct"].tolist(), out["traj.reward_error"]) == ([1.0, 0.0], ["", ""])
    assert set(Scored(Tags(), name="shape").writes) == {"traj.reward/shape", "traj.reward_error"}
    assert (
        set(Scored(Tags())(batch_for("1"))) == set(Scored(Tags()).writes) == {"traj.reward/format", "traj.reward_error"}
    )


def test_several_components_bounds_and_equal_responses():
    CALLS.clear()
    out = Scored(Length(), guard=HERE)(batch_for("a b", "", "long", "a b"))
    assert CALLS == ["a b", "", "long"]
    assert out["traj.reward/letters"].tolist() == pytest.approx([3, 0, math.nan, 3], nan_ok=True)
    assert out["traj.reward/words"].tolist() == pytest.approx([2, math.nan, 1, 2], nan_ok=True)
    assert out["traj.reward_error"] == [
        "",
        "correct: words: unscored: the function returned None",
        "correct: scores must lie in 0 .. 3, got letters 4",
        "",
    ]


def test_a_rule_that_takes_forever_leaves_one_response_unscored():
    out = Scored(Pattern("(a+)+b"), guard=Guard(timeout=0.5))(batch_for("ab", "a" * 40, "b"))
    assert out["traj.reward/format"].tolist() == pytest.approx([1.0, math.nan, 0.0], nan_ok=True)
    assert out["traj.reward_error"] == ["", "format: no score within 0.5 s", ""]


def test_what_a_rule_raises_is_a_reason():
    out = Scored(Exact())(batch_for("1", answer=None))
    assert out["traj.reward/correct"].isnan().all() and "needs a reference answer" in out["traj.reward_error"][0]


def test_saved_and_named():
    piece = Scored(Exact(tag="a"), name="right", guard=Guard(timeout=1.0))
    assert from_json(to_json(piece)) == piece
    assert reward("exact:tag=a") == Scored(Exact(tag="a"))
    assert reward("scored:scorer=tags") == Scored(Tags())
    with pytest.raises(GuerdonError, match="a reward piece, a scorer or module:function, got 'exactt'"):
        reward("exactt")

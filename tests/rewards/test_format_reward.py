import math

import pytest
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards import _pool
from guerdon.rewards.format import Pattern, Tags
from guerdon.serial import from_json, to_json


@pytest.fixture(autouse=True, scope="module")
def closed():
    yield
    _pool.close_all()


def batch_for(*responses):
    return batch_of([len(responses)], columns={"traj.response": list(responses)})


def test_tags():
    piece = Tags()
    out = piece(batch_for("<think>a</think> <answer>b</answer>", "a</think><answer>b</answer>", "b"))
    assert {key: value.tolist() for key, value in out.items()} == {"traj.reward/format": [1.0, 0.0, 0.0]}
    out = Tags(opened=True)(batch_for("<think>a</think><answer>b</answer>", "a</think><answer>b</answer>"))
    assert out["traj.reward/format"].tolist() == [0.0, 1.0]


def test_pattern():
    out = Pattern(r"\d+")(batch_for("12", "12 ", ""))
    assert out["traj.reward/format"].tolist() == [1.0, 0.0, 0.0]
    assert out["traj.reward_error"] == ["", "", ""]


def test_a_pattern_that_takes_forever_leaves_one_response_unscored():
    out = Pattern("(a+)+b", timeout=0.5)(batch_for("ab", "a" * 40, "b"))
    assert out["traj.reward/format"].tolist() == pytest.approx([1.0, math.nan, 0.0], nan_ok=True)
    assert out["traj.reward_error"] == ["", "format: no score within 0.5 s", ""]


def test_saved_and_refused():
    for piece in (Tags(("a", "b"), name="shape"), Pattern("a|b")):
        assert from_json(to_json(piece)) == piece
    with pytest.raises(GuerdonError, match="must be a regular expression, got '\\('"):
        Pattern("(")
    with pytest.raises(GuerdonError, match="one or more different names"):
        Tags(("a", "a"))

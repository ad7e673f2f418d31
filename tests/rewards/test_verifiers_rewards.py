"""A verifiers task's rewards as components."""

import warnings

import pytest

from guerdon import GuerdonError, pieces
from guerdon.rewards.samples import SampleJudge
from guerdon.rewards.verifiers_rewards import VerifiersRewards

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verifiers.v1", reason="verifiers is not installed", exc_type=ImportError)

HERE = pieces.Guard(isolate=False)
SAMPLES = [
    (1, {"response": "0", "problem": 0, "split": "train"}),
    (2, {"response": "boom", "problem": 0, "split": "train"}),
]


def test_rewards_are_components_without_weights_and_an_error_is_unscored():
    task = pieces.VerifiersTaskset("toy_verifiers")
    right, wrong = SampleJudge(VerifiersRewards(guard=HERE), task)(SAMPLES)
    assert right["reward"] == {"right": 1.0, "short": 0.5}
    assert wrong["reward"] == {"right": None, "short": None} and "boom" in wrong["error"]
    assert SampleJudge(VerifiersRewards(("short",), HERE), task)(SAMPLES[:1])[0]["reward"] == {"short": 0.5}


def test_bad_input_is_refused():
    task = pieces.VerifiersTaskset("toy_verifiers")
    with pytest.raises(GuerdonError, match=r"must be rewards of the task \(right, short\), got no"):
        SampleJudge(VerifiersRewards(("no",), HERE), task)(SAMPLES)
    with pytest.raises(GuerdonError, match="needs a VerifiersTaskset as the task, got ModularSum"):
        SampleJudge(VerifiersRewards(guard=HERE), pieces.ModularSum())(SAMPLES)

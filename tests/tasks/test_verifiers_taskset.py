"""Tasks of a verifiers package as problems."""

import warnings

import pytest

from guerdon import GuerdonError
from guerdon.tasks.verifiers_taskset import VerifiersTaskset

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("verifiers.v1", reason="verifiers is not installed", exc_type=ImportError)


def test_tasks_are_problems_with_named_rewards():
    task = VerifiersTaskset("toy_verifiers", test_size=2)
    assert (task.size("train"), task.size("test")) == (4, 2)
    problem = task.problem("test", 1)
    assert (problem.id, problem.prompt, problem.answer) == (5, "say 5", "5")
    assert "prompt" not in problem.meta and problem.meta["answer"] == "5"
    assert task.score(problem, "5!") == {"right": 1.0, "short": 1 / 3}
    assert task.weights() == {"right": 2.0, "short": 0.5}


def test_options_and_limits():
    assert VerifiersTaskset("toy_verifiers", options={"count": 3}).size("train") == 3
    assert VerifiersTaskset("toy_verifiers", limit=2).size("train") == 2
    prompt = VerifiersTaskset("toy_verifiers", options={"system": True}).problem("train", 0).prompt
    assert prompt == ({"role": "system", "content": "be brief"}, {"role": "user", "content": "say 0"})


def test_bad_input_is_refused():
    with pytest.raises(GuerdonError, match="must find the taskset 'no_such_taskset'"):
        VerifiersTaskset("no_such_taskset").size("train")
    with pytest.raises(
        GuerdonError, match="limit must say how many tasks to take, as 'toy_verifiers_needy' has no end"
    ):
        VerifiersTaskset("toy_verifiers_needy").size("train")
    with pytest.raises(GuerdonError, match="must leave training tasks, got 6 of 6"):
        VerifiersTaskset("toy_verifiers", test_size=6).size("train")
    with pytest.raises(GuerdonError, match=r"a number in 0\.\.5, got 6"):
        VerifiersTaskset("toy_verifiers").problem("train", 6)
    with pytest.raises(GuerdonError, match="test_size must be at least 0 and below limit"):
        VerifiersTaskset("toy_verifiers", limit=2, test_size=2)

import pytest

from guerdon.rewards.reasons import counted, kinds, passing

SAID = {
    "no score within 0.5 s": "timeout",
    "no score within 2 s from the reward server": "timeout remote",
    "the worker died of SIGSEGV": "crash",
    "the function ended its process with exit code 7": "crash",
    "the function wrote into the worker's connection": "crash",
    "ValueError: bad sample (rules.py:3)": "error",
    "unscored: the function returned None": "none",
    "the function returned nan": "invalid",
    "the function returned -inf": "invalid",
    "the function must return a number or None, got str": "invalid",
    "the function returned 2 scores for 3 samples": "invalid",
    "scores must lie in 0 .. 1, got correct 7": "invalid",
    "the function's components must be a, b; missing or unknown: c": "invalid",
    "the arguments cannot be sent to a worker: TypeError: x": "invalid",
    "the reward server cannot be reached: ConnectionRefusedError": "remote",
    "the reward server answered 503": "remote",
    "": "",
}


@pytest.mark.parametrize("reason", SAID)
def test_every_sentence_has_its_kind(reason):
    assert kinds(reason) == set(SAID[reason].split())


def test_what_may_pass():
    assert [passing(reason) for reason in ("no score within 1 s", "ValueError", "unscored: x", "returned nan", "")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_counts_are_of_samples():
    told = ["", "a: no score within 1 s", "a: no score within 1 s; b: ValueError", "a: unscored: x; b: unscored: y"]
    assert counted(told) == {"timeout": 2, "none": 1}

"""Responses from lines."""

import math

import pytest
from rollouts.test_demonstrations import Sums

from guerdon.errors import GuerdonError
from guerdon.evals.reading import read_responses


def read(*lines, task=None, picks=()):
    return read_responses(enumerate(lines, 1), "f.jsonl", task, picks)


def test_lines_of_one_problem_are_one_pool():
    found = read(
        {"id": 7, "prompt": "p", "answer": 3, "response": "a"},
        {"prompt": "q", "answer": "4", "response": "b", "by": "me"},
        {"id": 7, "prompt": "p", "answer": 3, "response": "ccc"},
    )
    first, second = found.pools
    assert (first.key, first.texts, first.problem.answer) == ("7", ["a", "ccc"], "3")
    assert (second.key, second.extras) == ("q", [{"by": "me"}])
    assert found.unit == "characters" and first.lengths == [1.0, 3.0] and found.facts == {"file": "f.jsonl"}


def test_several_responses_on_a_line_with_what_is_known_of_them():
    found = read(
        {
            "id": "x",
            "responses": ["a", "b"],
            "gold": [True, 0],
            "tokens": [3, 4],
            "logprob": [-1.5, -2],
            "truncated": False,
        }
    )
    (pool,) = found.pools
    assert pool.gold == [1.0, 0.0] and pool.lengths == pool.tokens == [3.0, 4.0] and found.unit == "tokens"
    assert pool.logprobs == [-1.5, -2.0] and pool.truncated == [0.0, 0.0]


def test_what_is_not_known_of_all_is_not_used():
    found = read({"id": 1, "response": "a", "tokens": 3, "logprob": -1}, {"id": 1, "response": "bb", "tokens": None})
    (pool,) = found.pools
    assert found.unit == "characters" and pool.logprobs == () and pool.truncated == ()


def test_scores_to_pick_by():
    lines = [{"id": 1, "responses": ["a", "b"], "rm": [0.5, None], "x": 1}, {"id": 1, "response": "c", "rm": -2}]
    (pool,) = read(*lines, picks=("rm",)).pools
    assert pool.scores["rm"] == pytest.approx([0.5, math.nan, -2.0], nan_ok=True)
    assert pool.extras == [{"x": 1}, {"x": 1}, {}]
    with pytest.raises(GuerdonError, match="a number under `rm`, got 'high'"):
        read({"id": 1, "response": "a", "rm": "high"}, picks=("rm",))


def test_problems_of_a_task_by_number():
    found = read({"problem": 1, "response": "2"}, {"problem": 1, "split": "train", "response": "2"}, task=Sums())
    assert [pool.key for pool in found.pools] == ["test/1", "train/1"]
    assert found.pools[0].problem == Sums().problem("test", 1)
    with pytest.raises(GuerdonError, match="line 1 names a problem by its number"):
        read({"problem": 1, "response": "2"})


def test_bad_lines_are_named():
    for line, message in (
        ({"response": "a"}, "line 1 must say by `id`, `problem` or `prompt`"),
        ({"id": 1, "responses": []}, "a list of texts under `responses`"),
        ({"id": 1, "responses": ["a", 3]}, "a list of texts under `responses`"),
        ({"id": 1, "responses": ["a"], "gold": [1, 0]}, "one gold per response, got 2 and 1"),
        ({"id": 1, "response": "a", "gold": "yes"}, "a number under `gold`, got 'yes'"),
        ({"id": 1, "response": "a", "confidence": 1.5}, "a confidence from 0 to 1, got 1.5"),
    ):
        with pytest.raises(GuerdonError, match=f"f.jsonl, .*{message}".replace("(", r"\(")):
            read(line)
    with pytest.raises(GuerdonError, match="at least one response"):
        read()

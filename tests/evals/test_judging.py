"""Responses are judged once each, and what is not known is left out."""

import math
from dataclasses import dataclass

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.evals.answers import reader
from guerdon.evals.judging import judge
from guerdon.evals.pool import Pool, Responses
from guerdon.piece import Transform
from guerdon.rewards.samples import SampleJudge
from guerdon.tasks.problem import Problem

TEXT = reader("text", None)[1]
ASKED: list[str] = []


@dataclass(frozen=True)
class Parts(Transform):
    """Two components: the number that the response is, and one half."""

    reads = ("traj.response",)
    writes = ("traj.reward/value", "traj.reward/half")

    def __call__(self, batch, state=None):
        ASKED.extend(batch["traj.response"])
        values = torch.tensor([math.nan if text == "?" else float(text) for text in batch["traj.response"]])
        return {"traj.reward/value": values, "traj.reward/half": torch.full_like(values, 0.5)}


def pools(*rows: list[str], **lists) -> Responses:
    found = [
        Pool(str(n), Problem(n, f"p{n}", "1"), row, [float(len(text)) for text in row], **lists)
        for n, row in enumerate(rows)
    ]
    return Responses(found, "characters")


def test_truth_is_the_sum_of_components_and_rewards_are_kept_by_name():
    ASKED.clear()
    both = SampleJudge(Parts())
    done = judge(pools(["1", "0.5", "1", "0"]), both, TEXT, rewards={"parts": both}, success=1.0)
    (pool,) = done.pools
    assert pool.gold == [1.5, 1.0, 1.5, 0.5] and pool.right == [1, 1, 1, 0]
    assert pool.scores == {"parts/value": [1, 0.5, 1, 0], "parts/half": [0.5] * 4}
    assert pool.answers == ["1", "0.5", "1", "0"]
    # Equal responses are asked about once by each of the two.
    assert ASKED == ["1", "0.5", "0"] * 2


def test_what_is_unscored_leaves_with_everything_that_belongs_to_it():
    responses = pools(["1", "?", "0"], logprobs=[-1.0, -2.0, -3.0], tokens=[1.0, 2.0, 3.0])
    done = judge(responses, SampleJudge(Parts()), TEXT)
    (pool,) = done.pools
    assert (pool.texts, pool.lengths, pool.scores["logprob"]) == (["1", "0"], [1, 1], [-1.0, -1.0])
    assert (done.unscored, done.left_out, done.drawn) == (1, 0, 3)
    assert judge(pools(["1", "?"], ["1", "0"]), SampleJudge(Parts()), TEXT, least=2).left_out == 1


def test_truth_may_come_with_the_responses():
    done = judge(pools(["a", "b"], gold=[1.0, math.nan]), None, TEXT)
    assert done.pools[0].texts == ["a"] and done.unscored == 1


def test_confidences_are_read_unless_they_came_beside():
    said = ["x <confidence>0.25</confidence>", "y"]
    done = judge(pools(said, gold=[1.0, 1.0]), None, TEXT)
    assert done.pools[0].stated == pytest.approx([0.25, math.nan], nan_ok=True)
    done = judge(pools(said, gold=[1.0, 1.0], stated=[0.75, math.nan]), None, TEXT)
    assert done.pools[0].stated == pytest.approx([0.75, math.nan], nan_ok=True)
    done = judge(pools(["<p>30%</p>"], gold=[1.0]), None, TEXT, confidence="p")
    assert done.pools[0].stated == [0.3]


def test_what_differs_beside_equal_responses_is_asked_about():
    ASKED.clear()
    responses = pools(["1", "1", "1"], extras=[{"by": "a"}, {"by": "b"}, {"by": "a"}])
    judge(responses, SampleJudge(Parts()), TEXT)
    assert ASKED == ["1", "1"]


def test_nothing_scored_is_refused_with_the_reason():
    with pytest.raises(GuerdonError, match="could score no problem"):
        judge(pools(["?"]), SampleJudge(Parts()), TEXT)
    with pytest.raises(GuerdonError, match="--k must be at most the 2 scored responses that a problem has, got 8"):
        judge(pools(["1", "0", "?"]), SampleJudge(Parts()), TEXT, least=8)

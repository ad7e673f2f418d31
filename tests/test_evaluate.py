"""Evaluation of a policy, against counts made by hand."""

import math
from dataclasses import dataclass

import pytest
import torch
from rollouts.test_demonstrations import Sums

from guerdon import evaluate as module
from guerdon.errors import GuerdonError
from guerdon.evals.pool import Pool, Responses
from guerdon.evaluate import evaluate
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sampler import Sampling
from guerdon.tasks.token_tree import TokenTree

POLICY = TinyLM(width=16, layers=1, heads=2)


@dataclass(frozen=True)
class Says(Transform):
    """The reward is the number that the response is; ``?`` is unscored."""

    reads = ("traj.response",)
    writes = ("traj.reward/correct",)

    def __call__(self, batch, state=None):
        values = [math.nan if text.startswith("?") else float(text.split()[0]) for text in batch["traj.response"]]
        return {"traj.reward/correct": torch.tensor(values)}


@pytest.fixture
def policy():
    return POLICY.build(Sums(), frozenset(), Stream((0,))).eval()


def said(monkeypatch, texts: list[list[str]]) -> None:
    """Make the policy say these texts, one row per problem."""
    task = Sums()
    pools = [Pool(f"test/{n}", task.problem("test", n), row, [1.0] * len(row)) for n, row in enumerate(texts)]
    monkeypatch.setattr(module, "sample_responses", lambda *arguments, **options: Responses(pools, "tokens"))


def test_pass_at_k_is_the_mean_of_the_unbiased_estimates(policy, monkeypatch):
    said(monkeypatch, [["1", "0", "0", "0"], ["1", "1", "0", "0.5"]])
    result = evaluate(policy, Sums(), k=(1, 2, 4), samples=4, gold=Says())
    # 1 - C(3, k)/C(4, k) and 1 - C(2, k)/C(4, k)
    assert [round(result[k].value, 9) for k in (1, 2, 4)] == [0.375, round((0.5 + 5 / 6) / 2, 9), 1.0]
    assert result.counts == ((4, 1), (4, 2)) and result.problems == 2 and result.unscored == 0
    assert result[1].low == 0.25 and result[1].high == 0.5
    assert result.sentence().startswith("pass@1 37.5% [25.0, 50.0]  pass@2 66.7%")


def test_what_could_not_be_scored_is_left_out_and_counted(policy, monkeypatch):
    said(monkeypatch, [["1", "?", "0"], ["?", "? again", "1"]])
    result = evaluate(policy, Sums(), k=(2,), samples=3, gold=Says())
    assert result.problems == 1 and result.unscored == 3 and result[2].value == 1.0
    assert result.to_json()["unscored"] == 3 and result.to_json()["left_out"] == 1
    said(monkeypatch, [["?", "?"]])
    with pytest.raises(GuerdonError, match="evaluate could score no problem"):
        evaluate(policy, Sums(), k=(1,), samples=2, gold=Says())


def test_partial_credit_counts_from_the_level_of_success(policy, monkeypatch):
    said(monkeypatch, [["0.5"], ["1"]])
    assert evaluate(policy, Sums(), k=(1,), gold=Says())[1].value == 0.5
    assert evaluate(policy, Sums(), k=(1,), gold=Says(), success=0.5)[1].value == 1.0


def test_every_measure_has_a_place_in_the_json(policy, monkeypatch):
    said(monkeypatch, [["1 <confidence>0.9</confidence>", "0", "1", "0"], ["0", "0", "1", "1"]])
    result = evaluate(
        policy, Sums(), k=(1, 2), samples=4, gold=Says(), rewards={"says": Says()}, measures=tuple(module.MEASURES)
    )
    data = result.to_json()
    # Both have two right of four: pairs hold the best by the truth itself unless both are wrong.
    assert data["best_of"]["says"]["2"]["value"] == pytest.approx(5 / 6)
    assert data["pass_at"]["2"] == data["best_of"]["says"]["2"]
    assert data["majority_at"]["2"]["value"] == pytest.approx(0.5)
    assert data["length"]["mean"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert data["calibration"]["stated"]["bins"] == [{"from": 0.9, "count": 1, "confidence": 0.9, "right": 1.0}]
    assert set(data["diversity"]) == {"distinct_at", "answer_entropy", "self_similarity", "unreadable", "distinct_2"}
    assert "truncated" not in data["length"] and "sequence" not in data["calibration"]


def test_a_policy_samples_the_same_in_batches_of_any_size(policy):
    seen = []
    options = {"k": (1, 2), "problems": 3, "samples": 4, "gold": None, "measures": ("length", "calibration")}
    how = Sampling(max_tokens=4)
    whole = evaluate(policy, Sums(), sampling=how, progress=lambda *both: seen.append(both), **options)
    assert seen == [(12, 12)]
    small = evaluate(policy, Sums(), sampling=how, batch=3, **options)
    assert whole.responses is not None and small.responses is not None
    assert [pool.texts for pool in whole.responses.pools] == [pool.texts for pool in small.responses.pools]
    assert whole.counts == small.counts and whole.to_json()["length"] == small.to_json()["length"]
    for one, other in zip(whole.responses.pools, small.responses.pools, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    assert whole.to_json()["temperature"] == 1.0
    other = evaluate(policy, Sums(), sampling=how, seed=1, **options)
    assert [pool.texts for pool in other.responses.pools] != [pool.texts for pool in whole.responses.pools]


def test_what_cannot_be_evaluated_is_refused(policy):
    with pytest.raises(GuerdonError, match=r"at least max\(k\) = 4 samples per problem, got 2"):
        evaluate(policy, Sums(), k=(4,), samples=2)
    with pytest.raises(GuerdonError, match="needs a task made of problems"):
        evaluate(policy, TokenTree())
    table = Tabular().build(TokenTree(), frozenset(), Stream((0,)))
    with pytest.raises(GuerdonError, match="needs a language-model policy"):
        evaluate(table, Sums())
    with pytest.raises(GuerdonError, match=r"measures must be among pass_at, .* got speed"):
        evaluate(policy, Sums(), k=(1,), problems=1, measures=("speed",))

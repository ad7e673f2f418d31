"""pass@k of a policy, against counts made by hand."""

import pytest
import torch
from rollouts.test_demonstrations import Sums

from guerdon import evaluate as module
from guerdon.errors import GuerdonError
from guerdon.evaluate import evaluate
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.tasks.token_tree import TokenTree

POLICY = TinyLM(width=16, layers=1, heads=2)


@pytest.fixture
def policy():
    return POLICY.build(Sums(), frozenset(), Stream((0,))).eval()


def scored(monkeypatch, table: list[list[float]]) -> None:
    """Make the verifier give these rewards, one row per problem."""

    class Fixed:
        def __call__(self, batch):
            return {"traj.reward/correct": torch.tensor(table).reshape(-1)}

    monkeypatch.setattr(module, "Verifier", Fixed)


def test_pass_at_k_is_the_mean_of_the_unbiased_estimates(policy, monkeypatch):
    scored(monkeypatch, [[1, 0, 0, 0], [1, 1, 0, 0.5]])
    result = evaluate(policy, Sums(), k=(1, 2, 4), problems=2, samples=4)
    # 1 - C(3, k)/C(4, k) and 1 - C(2, k)/C(4, k)
    assert [round(result[k].value, 9) for k in (1, 2, 4)] == [0.375, round((0.5 + 5 / 6) / 2, 9), 1.0]
    assert result.counts == ((4, 1), (4, 2)) and result.problems == 2 and result.unscored == 0
    assert result[1].low == 0.25 and result[1].high == 0.5
    assert result.sentence().startswith("pass@1 37.5% [25.0, 50.0]  pass@2 66.7%")


def test_what_could_not_be_scored_is_left_out_and_counted(policy, monkeypatch):
    nan = float("nan")
    scored(monkeypatch, [[1, nan, 0], [nan, nan, 1]])
    result = evaluate(policy, Sums(), k=(2,), problems=2, samples=3)
    assert result.problems == 1 and result.unscored == 3 and result[2].value == 1.0
    assert result.to_json()["unscored"] == 3
    scored(monkeypatch, [[nan, nan], [nan, nan]])
    with pytest.raises(GuerdonError, match="evaluate could score no problem"):
        evaluate(policy, Sums(), k=(1,), problems=2, samples=2)


def test_partial_credit_counts_from_the_level_of_success(policy, monkeypatch):
    scored(monkeypatch, [[0.5], [1.0]])
    assert evaluate(policy, Sums(), k=(1,), problems=2)[1].value == 0.5
    assert evaluate(policy, Sums(), k=(1,), problems=2, success=0.5)[1].value == 1.0


def test_what_cannot_be_evaluated_is_refused(policy):
    with pytest.raises(GuerdonError, match=r"at least max\(k\) = 4 samples per problem, got 2"):
        evaluate(policy, Sums(), k=(4,), samples=2)
    with pytest.raises(GuerdonError, match="needs a task made of problems"):
        evaluate(policy, TokenTree())
    table = Tabular().build(TokenTree(), frozenset(), Stream((0,)))
    with pytest.raises(GuerdonError, match="needs a language-model policy"):
        evaluate(table, Sums())

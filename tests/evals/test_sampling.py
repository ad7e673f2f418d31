"""Sampling in batches."""

import math

import pytest
import torch
from rollouts.test_demonstrations import Sums

from guerdon.errors import GuerdonError
from guerdon.evals.sampling import sample_responses
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.sample import make_sampler, sample_batch
from guerdon.rollouts.sampler import Sampling

HOW = Sampling(max_tokens=5)


@pytest.fixture(scope="module")
def policy():
    return TinyLM(width=16, layers=1, heads=2).build(Sums(), frozenset(), Stream((0,))).eval()


@pytest.mark.parametrize("batch", [1, 2, 4, 5, 100])
def test_a_batch_of_any_size_gives_what_one_rollout_gives(policy, batch):
    seen = []
    found = sample_responses(
        policy, Sums(), problems=9, samples=4, sampling=HOW, batch=batch, progress=lambda *both: seen.append(both)
    )
    sampler = make_sampler("local", policy)
    whole = sample_batch(Sums(), policy, sampler, [0, 1, 2], "test", 4, HOW, Stream((0, "evaluate")))
    assert [text for pool in found.pools for text in pool.texts] == whole["traj.response"]
    sums = torch.zeros(12).index_add(0, whole.index("token", "traj"), whole["token.behavior_logprob"])
    assert [x for pool in found.pools for x in pool.logprobs] == pytest.approx(sums.tolist(), abs=1e-4)
    assert [x for pool in found.pools for x in pool.truncated] == whole["traj.truncated"].float().tolist()
    assert [pool.key for pool in found.pools] == ["test/0", "test/1", "test/2"]
    assert seen[-1] == (12, 12) and [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_facts_and_lengths(policy):
    found = sample_responses(policy, Sums(), problems=1, samples=3, sampling=HOW, split="train", seed=7)
    assert found.facts == {"split": "train", "seed": 7, "temperature": 1.0, "max_tokens": 5}
    (pool,) = found.pools
    assert pool.size == 3 and all(1 <= length <= 5 for length in pool.lengths) and found.unit == "tokens"
    assert all(math.isfinite(value) and value < 0 for value in pool.logprobs)


def test_bad_numbers_are_refused(policy):
    with pytest.raises(GuerdonError, match="batch must be at least 1, got 1, 1 and 0"):
        sample_responses(policy, Sums(), problems=1, samples=1, batch=0)


def test_an_empty_split_is_refused(policy, monkeypatch):
    monkeypatch.setattr(Sums, "size", lambda task, split: 0)
    with pytest.raises(GuerdonError, match="the test split of Sums must hold problems"):
        sample_responses(policy, Sums(), problems=1, samples=1)

"""Temperatures that follow entropy: by hand, in the tabular rollout and in a language model's."""

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rng import Stream
from guerdon.rollouts.entropy_temperature import EntropyTemperature
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.fork_sequences import ForkSequences
from guerdon.tasks.jsonl import JsonlProblems

HOT = EntropyTemperature(tau=0.1, quantile=0.5)


def rows(*entropies):
    """Logits over two tokens whose entropies are these shares of log 2, roughly: fair and unfair coins."""
    return torch.tensor([[0.0, gap] for gap in entropies])


def test_the_first_rollout_has_no_scale_and_the_next_has_that_of_the_first():
    state = HOT.init_state()
    logits = rows(0.0, 2.0, 6.0)
    assert HOT.temperature(logits, 0.7, state).tolist() == pytest.approx([0.7] * 3)
    HOT.learn(state)
    assert state.pending == []
    assert HOT.temperature(logits, 0.7, state).tolist() == pytest.approx([0.77, 0.7, 0.63])
    state.pending.clear()
    far = HOT.temperature(rows(0.0, 30.0), 1.0, state).tolist()
    assert far == pytest.approx([1.1, 0.9])
    mirrored = EntropyTemperature(0.1, 0.5, mirrored=True)
    assert mirrored.temperature(logits, 1.0, state).tolist() == pytest.approx([1.1, 1.0, 1.1])


def test_what_is_ruled_out_or_over_does_not_count():
    state = HOT.init_state()
    logits = torch.tensor([[0.0, 0.0, -math.inf], [0.0, -math.inf, -math.inf], [0.0, 0.0, 0.0]])
    got = HOT.temperature(logits, 1.0, state, torch.tensor([True, True, False]))
    assert bool(got.isfinite().all())
    HOT.learn(state)
    assert float(state.scale[2]) == pytest.approx(math.log(math.log(2)))
    before = state.scale.clone()
    HOT.learn(state)
    assert torch.equal(state.scale, before)


def test_state_survives_a_checkpoint():
    state, other = HOT.init_state(), HOT.init_state()
    HOT.temperature(rows(0.0, 3.0), 1.0, state)
    HOT.learn(state)
    other.load_state_dict(state.state_dict())
    assert torch.equal(other.scale, state.scale)


def test_forks_are_sampled_hotter():
    task = ForkSequences(prompts=4, certainty=0.9)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    with torch.no_grad():
        policy.logits += torch.linspace(0, 1, task.vocab)  # forks are not uniform, so that heat can show
    rollout = SampleTree(prompts=4, samples_per_prompt=8, by_entropy=HOT)
    state = rollout.init_state()
    collect = lambda at: rollout(task, policy, lambda count: list(range(count)), Stream((at,)), state)  # noqa: E731
    plain, hot = collect(0), collect(1)
    fork = task.is_fork(hot["token.context"])
    for batch, temperature in ((plain, 1.0), (hot, 1.1)):
        at = batch["token.context"][task.is_fork(batch["token.context"])]
        expected = (policy.rows(at) / temperature).log_softmax(-1)
        chosen = expected.gather(1, batch["token.id"][task.is_fork(batch["token.context"])][:, None])[:, 0]
        torch.testing.assert_close(batch["token.behavior_logprob"][task.is_fork(batch["token.context"])], chosen)
    assert bool(fork.any())


def test_a_language_model_is_trained_at_the_temperatures_it_was_sampled_at(tmp_path):
    path = tmp_path / "problems.jsonl"
    path.write_text('{"prompt": "ab", "answer": "c"}\n{"prompt": "b", "answer": "c"}\n')
    task = JsonlProblems(str(path))
    policy = TinyLM(width=16, layers=1, heads=2).build(task, frozenset(), Stream((0,))).eval()
    rollout = Sample(prompts=2, samples_per_prompt=3, sampling=Sampling(max_tokens=6), by_entropy=HOT)
    assert "token.temperature" in rollout.writes
    state = rollout.init_state()
    for at in (0, 1):
        batch = rollout(task, policy, lambda count: list(range(count)), Stream((at,)), state)
        out = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
        torch.testing.assert_close(out.detach(), batch["token.behavior_logprob"], atol=1e-4, rtol=1e-4)
    heats = batch["token.temperature"]
    assert bool((heats >= 0.9 - 1e-6).all()) and bool((heats <= 1.1 + 1e-6).all()) and len(heats.unique()) > 2


def test_refusals():
    with pytest.raises(GuerdonError, match=r"tau in \[0, 1\)"):
        EntropyTemperature(1.0)
    with pytest.raises(GuerdonError, match="needs engine='local' and a positive"):
        Sample(by_entropy=HOT, sampling=Sampling(temperature=0.0))

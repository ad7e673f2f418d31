"""A pass without padding against one sequence at a time: states, gradients, and what is counted once."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.policies import packed as module
from guerdon.policies.language_model import LanguageModel
from guerdon.policies.packed import pack_tokens
from guerdon.policies.tiny_lm import TinyLanguageModel, TinyLM
from guerdon.rollouts.sample import pack
from guerdon.tasks.problem import Problem

WANTS = frozenset({"action.logprob", "action.entropy"})


def model(seed: int = 0) -> TinyLanguageModel:
    tokenizer: Any = SimpleNamespace(vocab_size=11, pad_id=0, eos_id=1)
    spec = TinyLM(width=16, layers=2, heads=2)
    return TinyLanguageModel(spec, tokenizer, WANTS, torch.Generator().manual_seed(seed)).double()


def batch_of(prompts: list[int], responses: list[list[int]], seed: int = 0, same: bool = False) -> Batch:
    """Responses of these lengths, equally many per prompt of these lengths."""
    generator = torch.Generator().manual_seed(seed)
    ids = lambda size: torch.randint(2, 11, (size,), generator=generator)  # noqa: E731
    starts = [ids(size) for size in prompts]
    if same:
        starts = [starts[0]] * len(starts)
    parts = [ids(size) for group in responses for size in group]
    return pack([Problem(n, "") for n in range(len(prompts))], range(len(prompts)), starts, parts)


def gradients(policy: TinyLanguageModel, batch: Batch, packs: bool) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Log-probs, and the gradient of a weighted sum of log-probs and entropies."""
    policy.zero_grad()
    own = policy.hidden_of_tokens
    if not packs:
        policy.hidden_of_tokens = lambda batch: LanguageModel.hidden_of_tokens(policy, batch)  # type: ignore[method-assign]
    out = policy.evaluate(batch, WANTS)
    policy.hidden_of_tokens = own  # type: ignore[method-assign]
    weight = torch.linspace(-1, 2, batch.size("token"), dtype=torch.float64)
    ((out["action.logprob"] + 0.3 * out["action.entropy"]) * weight).sum().backward()
    return out["action.logprob"].detach(), [p.grad.clone() for p in policy.parameters() if p.grad is not None]


sizes = st.integers(1, 3).flatmap(
    lambda each: st.lists(
        st.tuples(st.integers(1, 6), st.lists(st.integers(0, 7), min_size=each, max_size=each)), min_size=1, max_size=4
    )
)


@settings(max_examples=40)
@given(sizes, st.booleans(), st.sampled_from([1, 60, 2**18]), st.sampled_from([0, 2**24]))
def test_states_and_gradients_are_those_of_padded_sequences(groups, same, job, kept):
    if not any(sum(responses) for _, responses in groups):
        return
    batch = batch_of([size for size, _ in groups], [responses for _, responses in groups], same=same)
    policy = model()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "JOB_SCORES", job)
        patch.setattr(module, "KEPT_SCORES", kept)
        got, ours = gradients(policy, batch, packs=True)
    expected, plain = gradients(policy, batch, packs=False)
    torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)
    assert len(ours) == len(plain)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_float32_gradients_agree_to_1e_6():
    batch = batch_of([9, 4], [[20, 3, 11, 1], [7, 30, 2, 16]])
    policy = model().float()
    got, ours = gradients(policy, batch, packs=True)
    expected, plain = gradients(policy, batch, packs=False)
    assert float((got - expected).abs().max()) < 1e-5
    scale = max(float(each.abs().max()) for each in plain)
    assert max(float((a - b).abs().max()) for a, b in zip(ours, plain, strict=True)) < 1e-6 * scale


def test_shared_prompts_are_held_once_and_last_tokens_left_out():
    batch = batch_of([5, 3], [[4, 1, 0], [2, 2, 6]])
    packed = pack_tokens(batch, heads=2, shared=2)
    # Prompts of 5 and 3; of each response all tokens but the last.
    assert len(packed.ids) == 5 + 3 + (3 + 0) + (1 + 1 + 5)
    assert packed.positions[:8].tolist() == [0, 1, 2, 3, 4, 0, 1, 2]
    again = pack_tokens(batch_of([5, 5], [[4, 1, 0], [2, 2, 6]], same=True), heads=2, shared=2)
    assert len(again.ids) == 5 + 3 + 7
    assert packed.predicts.shape == (batch.size("token"),)


def test_tokens_in_the_middle_of_a_sequence():
    # Tool output between two turns: rows 3 and 6 to 7 of a sequence of nine tokens are the model's own.
    ids = torch.tensor([2, 3, 4, 5, 6, 7, 8, 9, 10])
    rows = torch.tensor([3, 6, 7])
    batch = Batch.build(
        {"token.id": ids[rows], "token.position": rows, "traj.input_ids": [ids]},
        step_of_token=torch.zeros(3, dtype=torch.int64),
        traj_of_step=torch.zeros(1, dtype=torch.int64),
        group_of_traj=torch.zeros(1, dtype=torch.int64),
    )
    policy = model()
    states = policy.hidden(ids[None], torch.ones(1, 9, dtype=torch.bool))[0]
    torch.testing.assert_close(policy.hidden_of_tokens(batch), states[rows - 1])


def test_a_batch_without_tokens():
    batch = batch_of([2], [[0, 0]])
    assert model().hidden_of_tokens(batch).shape == (0, 16)

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.piece import PolicySpec
from guerdon.policies.tabular import Tabular
from guerdon.policies.tiny_lm import TinyLM
from guerdon.rewards.prior import FrozenModel, PromptFreePrior, UniformPrior, UnigramPrior
from guerdon.rng import Stream
from guerdon.tasks.reasoning_gym import ReasoningGym
from guerdon.tasks.token_tree import TokenTree


@dataclass(frozen=True)
class Small(PolicySpec):
    """A tiny model that needs no task."""

    language: bool = True

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> Any:
        if not self.language:
            return Tabular().build(TokenTree(), wants, stream)
        return TinyLM(width=16, layers=1, heads=2).build(
            ReasoningGym("spell_backward", train_size=8, test_size=2), wants, stream
        )


def test_tables():
    batch = ragged([[0.0]], [3], {"token.id": torch.tensor([0, 1, 1])})
    assert UniformPrior(50)(batch)["action.prior_logprob"].tolist() == pytest.approx([-math.log(50)] * 3)
    got = UnigramPrior((0.75, 0.25))(batch)["action.prior_logprob"].tolist()
    assert got == pytest.approx([math.log(0.75), math.log(0.25), math.log(0.25)])


def language_batch(prompts: list[list[int]], traces: list[list[int]]) -> Batch:
    sequences = [torch.tensor(prompt + trace) for prompt, trace in zip(prompts, traces, strict=True)]
    places = [len(prompt) + n for prompt, trace in zip(prompts, traces, strict=True) for n in range(len(trace))]
    columns = {
        "token.id": torch.tensor([token for trace in traces for token in trace]),
        "token.position": torch.tensor(places),
    }
    batch = ragged([[0.0] * len(traces)], [len(trace) for trace in traces], columns)
    return batch.with_columns({"traj.input_ids": sequences})


def test_the_model_does_not_see_the_prompt():
    piece = PromptFreePrior(Small())
    state = piece.init_state()
    assert isinstance(state, FrozenModel) and not state.state_dict() and not list(state.parameters())
    traces = [[5, 6, 7], [], [8]]
    got, other = (
        piece(language_batch(prompts, traces), state)["token.prior_logprob"]
        for prompts in ([[1, 2], [3], [4, 4, 4]], [[9, 9, 9], [1, 2], [2]])
    )
    assert torch.allclose(torch.as_tensor(got), torch.as_tensor(other), atol=1e-5)
    model = state.held[0]
    ids = torch.tensor([[model.tokenizer.eos_id, 5, 6, 7]])
    weight, _ = model.head()
    rows = (model.hidden(ids, torch.ones_like(ids, dtype=torch.bool)) @ weight.T).log_softmax(-1)[0]
    expected = [float(rows[at, token]) for at, token in enumerate([5, 6, 7])]
    assert torch.as_tensor(got)[:3].tolist() == pytest.approx(expected, abs=1e-4)


def test_refusals():
    with pytest.raises(GuerdonError, match="must build a language model, got Small"):
        PromptFreePrior(Small(language=False)).init_state()
    with pytest.raises(GuerdonError, match="add up to 1"):
        UnigramPrior((0.5, 0.4))
    with pytest.raises(GuerdonError, match="at least 1, got 0"):
        UniformPrior(0)

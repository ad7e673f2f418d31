"""One small Llama-shaped network for the benchmarks: guerdon's ``TinyLM``, and a transformers model of the same weights."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.piece import TaskSpec
from guerdon.policies.tiny_lm import TinyLanguageModel, TinyLM
from guerdon.tasks.problem import Problem

SIGNS = "0123456789+-*=()? nx"
SPECIAL = ("<pad>", "<eos>")
SHAPE = TinyLM(width=128, layers=4, heads=4)


class Signs:
    """A token per sign: a vocabulary of 22."""

    pad_id, eos_id, vocab_size = 0, 1, len(SIGNS) + len(SPECIAL)

    def encode(self, text: str) -> list[int]:
        return [len(SPECIAL) + SIGNS.index(sign) for sign in text]

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(SIGNS[i - len(SPECIAL)] for i in ids if i >= len(SPECIAL))


@dataclass(frozen=True)
class Sums(TaskSpec):
    """Additions as prompts; the reward is the share of digits in a response, which is cheap."""

    problems: int = 32
    """How many there are."""

    def size(self, split: str) -> int:
        return self.problems

    def problem(self, split: str, number: int) -> Problem:
        return Problem(number, f"{7 ** (number % 4) * (number + 3)}+{number}=?", None)

    def score(self, problem: Problem, response: str) -> float:
        return digits(response)


def digits(response: str) -> float:
    """The share of digits among the signs of a response."""
    return sum(map(str.isdigit, response)) / max(len(response), 1)


def tiny(wants: Sequence[str] = (), seed: int = 0, shape: TinyLM = SHAPE) -> TinyLanguageModel:
    """guerdon's network."""
    generator = torch.Generator().manual_seed(seed)
    return TinyLanguageModel(shape, Signs(), frozenset(wants), generator).eval()  # type: ignore[arg-type]


def tokenizer() -> Any:
    """``Signs`` as a transformers tokenizer."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {token: number for number, token in enumerate([*SPECIAL, *SIGNS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token=SPECIAL[0]))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    inner.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token=SPECIAL[0], eos_token=SPECIAL[1], padding_side="left"
    )


@torch.no_grad()
def llama(model: TinyLanguageModel) -> Any:
    """A ``LlamaForCausalLM`` with the weights of ``model``: equal logits."""
    from transformers import LlamaConfig, LlamaForCausalLM

    width, heads = SHAPE.width, SHAPE.heads
    block = model.layers()[0]
    config = LlamaConfig(
        vocab_size=model.tokenizer.vocab_size,
        hidden_size=width,
        intermediate_size=block.down.in_features,
        num_hidden_layers=len(model.layers()),
        num_attention_heads=heads,
        max_position_embeddings=512,
        rms_norm_eps=1e-6,
        tie_word_embeddings=False,
        pad_token_id=Signs.pad_id,
        eos_token_id=Signs.eos_id,
        bos_token_id=None,
    )
    other = LlamaForCausalLM(config)
    # TinyLM multiplies its tied embedding on the way in.
    other.model.embed_tokens.weight.copy_(model.embedding.weight * width**0.5)
    other.lm_head.weight.copy_(model.embedding.weight)
    other.model.norm.weight.copy_(model.norm.weight)
    for ours, theirs in zip(model.layers(), other.model.layers, strict=True):
        theirs.input_layernorm.weight.copy_(ours.norm1.weight)
        theirs.post_attention_layernorm.weight.copy_(ours.norm2.weight)
        attention = theirs.self_attn
        for part, layer in zip(ours.qkv.weight.chunk(3), "qkv", strict=True):
            getattr(attention, f"{layer}_proj").weight.copy_(part)
        attention.o_proj.weight.copy_(ours.out.weight)
        for part, layer in zip(ours.gate_up.weight.chunk(2), ("gate", "up"), strict=True):
            getattr(theirs.mlp, f"{layer}_proj").weight.copy_(part)
        theirs.mlp.down_proj.weight.copy_(ours.down.weight)
    other.generation_config.pad_token_id, other.generation_config.eos_token_id = Signs.pad_id, Signs.eos_id
    return other.eval()


def weights_per_token(model: TinyLanguageModel | None = None) -> int:
    """Weights of the matrices that every token is multiplied with."""
    model = tiny() if model is None else model
    return sum(p.numel() for p in model.parameters() if p.dim() == 2)


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' advice, which would stand between the numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        yield
        logging.disable(logging.NOTSET)

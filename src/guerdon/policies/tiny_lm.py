"""A small Llama-shaped language model trained from scratch on a laptop.

Idea
    Pre-norm decoder with RMS norm, rotary positions, SwiGLU and tied embeddings; the tokenizer is trained on the
    task. Decoding keeps a preallocated key-value cache.
Maths
    ``h <- h + Attn(norm h)``; ``h <- h + W_down(silu(W_gate norm h) * W_up norm h)``; logits ``norm(h) E^T``.
Reads
    A sample of the task's problems, for the vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import PolicySpec
from guerdon.policies.language_model import PROVIDES, LanguageModel
from guerdon.policies.llama import Layer, Llama, LlamaDecodeState, packed_states
from guerdon.policies.packed import pack_tokens
from guerdon.policies.tokenizer import SmallTokenizer, train_tokenizer
from guerdon.rng import Stream
from guerdon.tasks.problem import Problem, ProblemTask

EPS = 1e-6
"""Of the norms."""


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of ``[B, heads, T, d]`` by angles ``[B, 1, T, d/2]`` (halves, as Llama does)."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class Block(nn.Module):
    """One decoder layer."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.RMSNorm(width, eps=EPS), nn.RMSNorm(width, eps=EPS)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.gate_up = nn.Linear(width, 2 * mlp, bias=False)
        self.down = nn.Linear(mlp, width, bias=False)

    def attend(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries and keys, and values, each ``[B, heads, T, d]``."""
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(rows, length, 3, self.heads, width // self.heads).unbind(2)
        q, k = rotate(q.transpose(1, 2), cos, sin), rotate(k.transpose(1, 2), cos, sin)
        return q, k, v.transpose(1, 2)

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """Residual after attention ``[B, heads, T, d]``, then the MLP."""
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class TinyLanguageModel(LanguageModel):
    """The network of ``TinyLM``."""

    def __init__(self, spec: "TinyLM", tokenizer: SmallTokenizer, wants: frozenset[str], generator: torch.Generator):
        super().__init__(spec.width, wants)
        self.tokenizer = tokenizer
        self.embedding = nn.Embedding(tokenizer.vocab_size, spec.width)
        layers = [Block(spec.width, spec.heads, spec.mlp or 8 * spec.width // 3) for _ in range(spec.layers)]
        self.blocks = nn.ModuleList(layers)
        self.norm = nn.RMSNorm(spec.width, eps=EPS)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith("value_head"):
                scale = (2 * spec.layers) ** -0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                # The tied embedding is also the head, so its scale sets the scale of the first logits.
                std = spec.width**-0.5 * (0.5 if name.startswith("embedding") else 1.0)
                nn.init.normal_(parameter, std=std * scale, generator=generator)
        half = spec.width // spec.heads // 2
        self.frequency: Tensor
        self.register_buffer("frequency", 10_000.0 ** (-torch.arange(half) / half), persistent=False)

    def layers(self) -> list[Block]:
        """The decoder layers, typed."""
        return cast(list[Block], list(self.blocks))

    def head(self) -> tuple[Tensor, Tensor | None]:
        """The tied embedding."""
        return self.embedding.weight, None

    def angles(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine of positions ``[B, T]``, each ``[B, 1, T, d/2]``."""
        angle = position[:, None, :, None] * self.frequency
        return angle.cos(), angle.sin()

    def hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """``[B, T, H]``. Padding is on the right, so the causal mask alone keeps it out."""
        x = self.embedding(input_ids) * self.embedding.embedding_dim**0.5
        cos, sin = self.angles(torch.arange(input_ids.shape[1], device=input_ids.device)[None])
        for block in self.layers():
            q, k, v = block.attend(x, cos, sin)
            x = block.finish(x, F.scaled_dot_product_attention(q, k, v, is_causal=True))
        return self.norm(x)

    @property
    def packs(self) -> bool:
        """On a CPU."""
        return self.device.type == "cpu"

    def hidden_of_tokens(self, batch: Batch) -> Tensor:
        """On a CPU without padding, shared prompts once; elsewhere as every language model."""
        if not self.packs or not batch.size("token"):
            return super().hidden_of_tokens(batch)
        weights = self.weights()
        packed = pack_tokens(batch, weights.heads, weights.shared)
        return packed_states(weights, packed)

    def weights(self) -> Llama:
        """The network as plain tensors."""
        layers = []
        for b in self.layers():
            gate, up = b.gate_up.weight.chunk(2)
            attention = b.norm1.weight, b.qkv.weight, None, b.out.weight
            layers.append(Layer(*attention, b.norm2.weight, gate, up, b.down.weight))
        heads, embedding = self.layers()[0].heads, self.embedding.weight
        scale = self.embedding.embedding_dim**0.5
        return Llama(tuple(layers), embedding, scale, self.norm.weight, embedding, heads, heads, EPS, self.frequency)

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Tensor]) -> LlamaDecodeState:
        """One row per prompt."""
        return LlamaDecodeState(self.weights(), prompts)


@dataclass(frozen=True)
class TinyLM(PolicySpec):
    """A Llama-shaped model of about a million parameters with a vocabulary of its own."""

    width: int = 128
    """H: hidden size."""
    layers: int = 4
    """Decoder layers."""
    heads: int = 4
    """Attention heads; must divide ``width`` into even parts."""
    mlp: int | None = None
    """Inner size of the MLP; None: 8/3 of the width."""
    vocab_size: int = 320
    """At most this many tokens, 256 bytes and two special ones among them."""

    provides = PROVIDES

    def __post_init__(self) -> None:
        if min(self.heads, self.width) < 1:
            raise GuerdonError(f"TinyLM needs positive width and heads, got {self.width} and {self.heads}")
        if self.width % (2 * self.heads):
            raise GuerdonError(f"TinyLM.width must be a multiple of 2 * heads = {2 * self.heads}, got {self.width}")

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> TinyLanguageModel:
        """Train the tokenizer on up to 500 training problems, then initialise the network."""
        if not isinstance(task, ProblemTask):
            raise GuerdonError(f"TinyLM needs a task made of problems (prompts), got {type(task).__name__}")
        tokenizer = train_tokenizer(islice(_texts(task), 500), self.vocab_size)
        return TinyLanguageModel(self, tokenizer, wants, stream.generator())


def _texts(task: ProblemTask) -> Any:
    size = task.size("train")
    for number in range(500 if size is None else min(size, 500)):
        problem: Problem = task.problem("train", number)
        prompt = problem.prompt
        yield prompt if isinstance(prompt, str) else "\n".join(message["content"] for message in prompt)
        if problem.answer is not None:
            yield problem.answer

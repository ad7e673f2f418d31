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
from guerdon.policies.fused import inverse_rms, paired, rotate_pairs, rotation, swiglu, unit_rms
from guerdon.policies.language_model import PROVIDES, LanguageModel
from guerdon.policies.packed import Packed, attention, pack_tokens
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
        self.head_dim = spec.width // spec.heads
        self.packs = True
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 and not name.startswith("value_head"):
                scale = (2 * spec.layers) ** -0.5 if name.endswith(("out.weight", "down.weight")) else 1.0
                # The tied embedding is also the head, so its scale sets the scale of the first logits.
                std = spec.width**-0.5 * (0.5 if name.startswith("embedding") else 1.0)
                nn.init.normal_(parameter, std=std * scale, generator=generator)
        half = self.head_dim // 2
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

    def hidden_of_tokens(self, batch: Batch) -> Tensor:
        """On a CPU without padding, shared prompts once; elsewhere as every language model."""
        if self.device.type != "cpu" or not batch.size("token"):
            return super().hidden_of_tokens(batch)
        packed = pack_tokens(batch, self.layers()[0].heads)
        return self.norm(self.packed_states(packed).index_select(0, packed.predicts))

    def packed_states(self, packed: Packed) -> Tensor:
        """States after the last layer, ``[N, H]``: the numbers of ``hidden`` before its norm."""
        x = F.embedding(packed.ids, self.embedding.weight) * self.embedding.embedding_dim**0.5
        turn = rotation(packed.positions[:, None] * self.frequency)
        for block in self.layers():
            weight = paired(block.qkv.weight, block.norm1.weight, block.heads)
            mixed = attention(unit_rms(x, EPS), weight, turn, packed, block.heads)
            x = torch.addmm(x, mixed, block.out.weight.T)
            inner = swiglu(F.linear(unit_rms(x, EPS), block.gate_up.weight * block.norm2.weight))
            x = torch.addmm(x, inner, block.down.weight.T)
        return x

    @torch.no_grad()
    def prefill(self, prompts: Sequence[Tensor]) -> "TinyDecodeState":
        """One row per prompt."""
        return TinyDecodeState(self, prompts)


class TinyDecodeState:
    """Left-padded prompts with a preallocated cache: every row writes to the same slot."""

    def __init__(self, model: TinyLanguageModel, prompts: Sequence[Tensor]) -> None:
        self.heads, self.frequency = model.blocks[0].heads, model.frequency
        self.layers = [folded(block) for block in model.layers()]
        self.embedding = model.embedding.weight * model.embedding.embedding_dim**0.5
        self.head = (model.embedding.weight * model.norm.weight).T
        self.rows, self.slot = len(prompts), 0
        longest = max(len(prompt) for prompt in prompts)
        device, dtype = self.head.device, self.head.dtype
        ids = torch.full((self.rows, longest), model.tokenizer.pad_id)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = prompt
        self.pad = (longest - torch.tensor([len(prompt) for prompt in prompts])).to(device)
        self.bias = None if not bool(self.pad.any()) else torch.zeros(self.rows, longest, device=device, dtype=dtype)
        """Added to scores: -inf in the padding; None where there is none."""
        self.cache = torch.empty(
            len(self.layers), 2, self.rows, self.heads, longest, model.head_dim, device=device, dtype=dtype
        )
        # Rows of padding attend to themselves only, so that no softmax is empty.
        slots = torch.arange(longest, device=device)
        real = slots >= self.pad[:, None]
        if self.bias is not None:
            self.bias.masked_fill_(~real, -torch.inf)
        eye = torch.eye(longest, dtype=torch.bool, device=device)
        self._forward(ids.to(device), real[:, None] & torch.ones_like(eye).tril() | eye)

    def _forward(self, ids: Tensor, mask: Tensor | None) -> None:
        """Append ``ids`` ``[rows, T]``; ``mask`` ``[rows, T, slots]``: true where a token may look, or what is added."""
        rows, length = ids.shape
        start, self.slot = self.slot, self.slot + length
        position = (torch.arange(start, self.slot, device=ids.device) - self.pad[:, None]).clamp(min=0)
        turn = rotation(position.flatten()[:, None] * self.frequency)
        x = F.embedding(ids.flatten(), self.embedding)
        for (qkv, out, gate_up, down), cache in zip(self.layers, self.cache, strict=True):
            parts = rotate_pairs((x * inverse_rms(x, EPS)) @ qkv, turn, self.heads)
            parts = parts.view(rows, length, 3, self.heads, -1)
            cache[:, :rows, :, start : self.slot] = parts[:, :, 1:].permute(2, 0, 3, 1, 4)
            keys, values = cache[:, :rows, :, : self.slot]
            mixed = self._mixed(parts[:, :, 0], keys, values, mask)
            x = torch.addmm(x, mixed, out)
            gate, up = ((x * inverse_rms(x, EPS)) @ gate_up).chunk(2, dim=-1)
            x.addmm_(F.silu(gate, inplace=True).mul_(up), down)
        last = x.view(rows, length, -1)[:, -1]
        self.logits = (last * inverse_rms(last, EPS)) @ self.head

    def _mixed(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, heads, size = query.shape
        if length > 1:
            mask = None if mask is None else mask[:, None]
            mixed = F.scaled_dot_product_attention(query.transpose(1, 2), keys, values, mask, scale=1.0)
            return mixed.transpose(1, 2).reshape(rows * length, -1)
        scores = torch.bmm(query.reshape(rows * heads, 1, size), keys.flatten(0, 1).transpose(1, 2))
        if mask is not None:
            scores.view(rows, heads, -1).add_(mask)
        return torch.bmm(scores.softmax(-1), values.flatten(0, 1)).view(rows, -1)

    @torch.no_grad()
    def advance(self, tokens: Tensor) -> None:
        """Append a token to every row."""
        if self.slot == self.cache.shape[4]:
            self._resize(torch.arange(self.rows, device=tokens.device))
        mask = None if self.bias is None else F.pad(self.bias, (0, self.slot + 1 - self.bias.shape[1]))[:, None]
        self._forward(tokens[:, None], mask)

    def _resize(self, rows: Tensor) -> None:
        """A new cache of these rows with free slots."""
        layers, both, _, heads, _, size = self.cache.shape
        free = max(32, self.slot // 2)
        cache = self.cache.new_empty(layers, both, len(rows), heads, self.slot + free, size)
        cache[..., : self.slot, :] = self.cache[:, :, : self.rows, :, : self.slot].index_select(2, rows)
        self.cache = cache

    @torch.no_grad()
    def keep(self, rows: Tensor) -> None:
        """Keep these rows, in this order; rows that stay where they are cost nothing."""
        places = torch.arange(len(rows), device=rows.device)
        moved = (rows != places).nonzero()[:, 0]
        if len(rows) > self.rows or 2 * len(moved) > len(rows):
            self._resize(rows)
        elif len(moved):
            used = self.cache[..., : self.slot, :]
            used.index_copy_(2, moved, used.index_select(2, rows[moved]))
        self.rows, self.pad, self.logits = len(rows), self.pad[rows], self.logits[rows]
        self.bias = None if self.bias is None else self.bias[rows]


def folded(block: Block) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of a layer for decoding, transposed: norms and the scale of the queries are inside."""
    qkv = paired(block.qkv.weight, block.norm1.weight, block.heads)
    return qkv.T, block.out.weight.T, (block.gate_up.weight * block.norm2.weight).T, block.down.weight.T


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

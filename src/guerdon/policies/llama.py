"""A Llama-shaped decoder over plain weights: passes without padding, and decoding with a preallocated cache.

Idea
    Any policy whose network has this shape (``TinyLM``, transformers models of the Llama and Qwen2 families) hands over
    its weights and is trained and sampled by the same few operations per layer.
Maths
    ``h <- h + Attn(norm h)``; ``h <- h + W_down(silu(W_gate norm h) * W_up norm h)``; logits ``norm(h) E^T``.
Reads
    ``traj.input_ids``, ``token.position`` through ``packed.py``.
Deviations
    None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from guerdon.policies.fused import inverse_rms, paired, rotate_pairs, rotation, swiglu, unit_rms
from guerdon.policies.packed import Packed, attention


class Layer(NamedTuple):
    """Weights of a layer, ``[outputs, inputs]``."""

    norm1: Tensor
    qkv: Tensor
    bias: Tensor | None
    """Of queries, keys and values."""
    out: Tensor
    norm2: Tensor
    gate: Tensor
    up: Tensor
    down: Tensor

    def turned(self, heads: int, shared: int) -> tuple[Tensor, Tensor | None]:
        """Weight and bias of queries, keys and values as ``rotate_pairs`` wants them."""
        bias = None if self.bias is None else paired(self.bias[:, None], 1.0, heads, shared)[:, 0]
        return paired(self.qkv, self.norm1, heads, shared), bias


@dataclass(frozen=True)
class Llama:
    """A network."""

    layers: tuple[Layer, ...]
    embedding: Tensor
    scale: float
    """What embeddings are multiplied by on the way in."""
    norm: Tensor
    head: Tensor
    heads: int
    shared: int
    """Heads of keys and values."""
    eps: float
    frequency: Tensor
    """Rotation per position, ``[d / 2]``."""


def packed_states(net: Llama, packed: Packed) -> Tensor:
    """The normalised last states that predict the token rows, ``[token, H]``."""
    x = F.embedding(packed.ids, net.embedding)
    if net.scale != 1:
        x = x * net.scale
    turn = rotation(packed.positions[:, None] * net.frequency, x.dtype)
    for layer in net.layers:
        weight, bias = layer.turned(net.heads, net.shared)
        mixed = attention(unit_rms(x, net.eps), weight, bias, turn, packed, net.heads, net.shared)
        x = torch.addmm(x, mixed, layer.out.T)
        inner = swiglu(unit_rms(x, net.eps), layer.gate * layer.norm2, layer.up * layer.norm2)
        x = torch.addmm(x, inner, layer.down.T)
    return unit_rms(x.index_select(0, packed.predicts), net.eps) * net.norm


class LlamaDecodeState:
    """Left-padded prompts with a preallocated cache: every row writes to the same slot."""

    def __init__(self, net: Llama, prompts: Sequence[Tensor]) -> None:
        """``prompts``: 1-D int64, at least one token each."""
        self.net, self.heads, self.shared = net, net.heads, net.shared
        self.layers = []
        """Weights with norms and the scale of the queries inside, transposed."""
        for layer in net.layers:
            weight, bias = layer.turned(net.heads, net.shared)
            inner = ((part * layer.norm2).T for part in (layer.gate, layer.up))
            self.layers.append((weight.T, bias, layer.out.T, *inner, layer.down.T))
        self.embedding = net.embedding if net.scale == 1 else net.embedding * net.scale
        self.head = (net.head * net.norm).T
        self.rows, self.slot = len(prompts), 0
        longest = max(len(prompt) for prompt in prompts)
        device, dtype = self.head.device, self.head.dtype
        ids = torch.zeros(self.rows, longest, dtype=torch.int64)
        for row, prompt in enumerate(prompts):
            ids[row, longest - len(prompt) :] = prompt
        self.pad = (longest - torch.tensor([len(prompt) for prompt in prompts])).to(device)
        self.bias = None if not bool(self.pad.any()) else torch.zeros(self.rows, longest, device=device, dtype=dtype)
        """Added to scores: -inf in the padding; None where there is none."""
        self.cache = torch.empty(
            len(self.layers), 2, self.rows, self.shared, longest, 2 * len(net.frequency), device=device, dtype=dtype
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
        turn = rotation(position.flatten()[:, None] * self.net.frequency, self.head.dtype)
        x = F.embedding(ids.flatten(), self.embedding)
        heads, shared = self.heads, self.shared
        for (qkv, bias, out, gate, up, down), cache in zip(self.layers, self.cache, strict=True):
            unit = x * inverse_rms(x, self.net.eps)
            parts = rotate_pairs(unit @ qkv if bias is None else torch.addmm(bias, unit, qkv), turn, heads, shared)
            parts = parts.view(rows, length, heads + 2 * shared, -1)
            new = parts[:, :, heads:].unflatten(2, (2, shared))
            cache[:, :rows, :, start : self.slot] = new.permute(2, 0, 3, 1, 4)
            keys, values = cache[:, :rows, :, : self.slot]
            mixed = self._mixed(parts[:, :, :heads], keys, values, mask)
            x = torch.addmm(x, mixed, out)
            unit = x * inverse_rms(x, self.net.eps)
            x.addmm_(F.silu(unit @ gate, inplace=True).mul_(unit @ up), down)
        last = x.view(rows, length, -1)[:, -1]
        self.logits = (last * inverse_rms(last, self.net.eps)) @ self.head

    def _mixed(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        rows, length, heads, size = query.shape
        shared = self.shared
        if length > 1:
            mask = None if mask is None else mask[:, None]
            keys, values = (each.repeat_interleave(heads // shared, 1) for each in (keys, values))
            mixed = F.scaled_dot_product_attention(query.transpose(1, 2), keys, values, mask, scale=1.0)
            return mixed.transpose(1, 2).reshape(rows * length, -1)
        # The queries of a key's heads are one matrix, so a shared key is read once.
        scores = torch.bmm(query.reshape(rows * shared, -1, size), keys.flatten(0, 1).transpose(1, 2))
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

"""The decoder over plain weights: shared keys, biases, growth of the cache, rows that leave."""

import pytest
import torch
from torch import Tensor

from guerdon.policies.llama import Layer, Llama, LlamaDecodeState, packed_states
from guerdon.policies.packed import pack_tokens
from guerdon.rollouts.sample import pack
from guerdon.tasks.problem import Problem


def network(heads: int, shared: int, bias: bool, size: int = 4, vocab: int = 13) -> Llama:
    generator = torch.Generator().manual_seed(heads + shared)
    draw = lambda *shape: torch.randn(*shape, dtype=torch.float64, generator=generator) * 0.4  # noqa: E731
    width, inner = heads * size, 10
    rows = (heads + 2 * shared) * size
    layers = tuple(
        Layer(
            draw(width), draw(rows, width), draw(rows) if bias else None, draw(width, width), draw(width),
            draw(inner, width), draw(inner, width), draw(width, inner),
        )
        for _ in range(2)
    )  # fmt: skip
    frequency = torch.tensor([1.0, 0.1], dtype=torch.float64)
    return Llama(layers, draw(vocab, width), 1.5, draw(width), draw(vocab, width), heads, shared, 1e-6, frequency)


def plain_logits(net: Llama, ids: Tensor) -> Tensor:
    """The textbook form, one sequence, ``[T, vocab]``."""
    norm = lambda x, weight: x * (x.square().mean(-1, keepdim=True) + net.eps).rsqrt() * weight  # noqa: E731
    x, length = net.embedding[ids] * net.scale, len(ids)
    angle = torch.arange(length)[:, None] * net.frequency
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    for layer in net.layers:
        qkv = norm(x, layer.norm1) @ layer.qkv.T + (0 if layer.bias is None else layer.bias)
        query, key, value = qkv.view(length, -1, 4).split([net.heads, net.shared, net.shared], dim=1)
        halves = [part.chunk(2, dim=-1) for part in (query, key)]
        query, key = (torch.cat([a * cos - b * sin, a * sin + b * cos], -1) for a, b in halves)
        key, value = (part.repeat_interleave(net.heads // net.shared, 1) for part in (key, value))
        scores = torch.einsum("ihd,jhd->hij", query, key) / 2
        scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
        x = x + torch.einsum("hij,jhd->ihd", scores.softmax(-1), value).flatten(1) @ layer.out.T
        unit = norm(x, layer.norm2)
        x = x + (torch.nn.functional.silu(unit @ layer.gate.T) * (unit @ layer.up.T)) @ layer.down.T
    return norm(x, net.norm) @ net.head.T


SHAPES = [(2, 2, False), (4, 2, True), (4, 1, False)]


@pytest.mark.parametrize(("heads", "shared", "bias"), SHAPES)
def test_decoding_is_the_textbook_form(heads, shared, bias):
    net = network(heads, shared, bias)
    generator = torch.Generator().manual_seed(0)
    draw = lambda size: torch.randint(0, 13, (size,), generator=generator)  # noqa: E731
    sequences = [draw(size) for size in (1, 6, 3)]
    state = LlamaDecodeState(net, sequences)
    keeps = {0: [0, 0, 1, 1, 2, 2], 3: [0, 5, 2, 3], 4: [2, 1, 0], 40: [0, 2], 41: [1]}
    for step in range(44):
        for row, ids in enumerate(sequences):
            torch.testing.assert_close(state.logits[row], plain_logits(net, ids)[-1])
        if step in keeps:
            state.keep(torch.tensor(keeps[step]))
            sequences = [sequences[row] for row in keeps[step]]
        tokens = draw(len(sequences))
        state.advance(tokens)
        sequences = [torch.cat([ids, token[None]]) for ids, token in zip(sequences, tokens, strict=True)]


@pytest.mark.parametrize(("heads", "shared", "bias"), SHAPES)
def test_passes_are_the_textbook_form_with_its_gradients(heads, shared, bias):
    net = network(heads, shared, bias)
    tensors = [net.embedding, net.norm, *(part for layer in net.layers for part in layer if part is not None)]
    for tensor in tensors:
        tensor.requires_grad_()
    generator = torch.Generator().manual_seed(1)
    draw = lambda size: torch.randint(0, 13, (size,), generator=generator)  # noqa: E731
    prompts, parts = [draw(5), draw(2)], [draw(size) for size in (4, 1, 6, 3)]
    batch = pack([Problem(0, ""), Problem(1, "")], range(2), prompts, parts)
    got = packed_states(net, pack_tokens(batch, heads, shared)) @ net.head.T
    starts = [len(prompts[n // 2]) for n in range(4)]
    each = zip(batch["traj.input_ids"], starts, strict=True)
    expected = torch.cat([plain_logits(net, ids)[start - 1 : -1] for ids, start in each])
    torch.testing.assert_close(got, expected)
    weight = torch.randn(got.shape, dtype=torch.float64, generator=generator)
    ours = torch.autograd.grad((got * weight).sum(), tensors)
    plain = torch.autograd.grad((expected * weight).sum(), tensors)
    for one, other in zip(ours, plain, strict=True):
        torch.testing.assert_close(one, other)

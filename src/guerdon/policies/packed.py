"""Sequences side by side without padding, a prefix that several share computed once, and attention over them.

Idea
    The responses of a group begin with the same prompt. A pass over the batch therefore holds each prompt once and
    then every response's own tokens; all layers but attention see a plain list of tokens. Attention cuts the list
    into jobs of similar length, and only there a job is padded, up to its longest.
Maths
    A token attends to its sequence's prefix and to its own part up to itself: what it would see in a sequence of its
    own, so the states are the same and a prefix's gradient is the sum over those that share it.
Reads
    ``traj.input_ids``, ``token.position``.
Deviations
    The last token of a sequence predicts nothing that is trained, so it is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from guerdon.batch import Batch
from guerdon.policies.fused import rotate_pairs

JOB_SCORES = 2**16
"""Attention scores per head that a job holds at most, unless one sequence alone has more."""
SOFTMAX_BACKWARD = torch.ops.aten._softmax_backward_data
KEPT_SCORES = 2**24
"""Up to this many scores of a layer are kept for the backward pass; beyond, they are computed again."""


@dataclass(frozen=True)
class Job:
    """Some sequences whose attention is computed together: B of them, own parts up to R long, prefixes up to P."""

    own: Tensor
    """Row of each of a sequence's own tokens, ``[B, R]``; padding repeats some row."""
    context: Tensor
    """Row of each token of its prefix, ``[B, P]``, likewise."""
    owner: Tensor
    """Number of the prefix, ``[B]``."""
    real: Tensor
    """Which own tokens are no padding, ``[B, R]``."""
    mask: Tensor
    """What is added to scores, ``[B, 1, R, P + R]``: 0, or -inf where a token may not look."""


@dataclass(frozen=True)
class Packed:
    """The tokens of a pass, prefixes first, and in which order attention reads and writes their parts.

    A part is what one head has of a query, key or value; a token's parts are its queries, then keys, then values.
    """

    ids: Tensor
    """``[N]``."""
    positions: Tensor
    """Of each token in its sequence, ``[N]``."""
    predicts: Tensor
    """The row whose state predicts each token row of the batch."""
    jobs: tuple[Job, ...]
    """What attends to what."""
    reads: Tensor
    """Parts in the order of the jobs: of each its queries ``[B, heads, R]``, keys and values ``[B, heads, P + R]``."""
    writes: Tensor
    """Where in the jobs' own tokens ``[B, heads, R]``, one job after the other, each (token, head) is, ``[N * heads]``."""
    spreads: Tensor
    """The counterpart of ``writes``: the (token, head) of each own token, ``N * heads`` for padding."""
    prefixes: Tensor
    """Where in ``[prefix, token of the longest]``, flat, the tokens of the prefixes are."""
    sizes: tuple[int, int]
    """How many prefixes there are, and how long the longest is."""


def pack_tokens(batch: Batch, heads: int, shared: int) -> Packed:
    """The tokens whose states predict the batch's token rows; ``shared``: heads of keys and values."""
    row, position = batch.index("token", "traj"), batch["token.position"]
    sequences: list[Tensor] = batch["traj.input_ids"]
    count = len(sequences)
    first = torch.full((count,), 2**62).scatter_reduce_(0, row, position, "amin")
    last = torch.zeros(count, dtype=torch.int64).scatter_reduce_(0, row, position, "amax")
    trained = (last > 0).nonzero()[:, 0]
    starts, ends = first.tolist(), last.tolist()
    parts, owner = _distinct([sequences[number][: starts[number]] for number in trained.tolist()])
    tails = [sequences[number][starts[number] : ends[number]] for number in trained.tolist()]
    lengths = torch.tensor([len(part) for part in (*parts, *tails)], dtype=torch.int64)
    begin, prefixes = lengths.cumsum(0) - lengths, len(parts)
    base = torch.cat([torch.zeros(prefixes, dtype=torch.int64), first[trained]])
    positions = torch.arange(int(lengths.sum())) - (begin - base).repeat_interleave(lengths)
    # A tail's first token is predicted by the last one of its prefix.
    before, own = torch.zeros(count, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
    before[trained], own[trained] = (begin + lengths - 1)[owner], begin[prefixes:] - first[trained] - 1
    predicts = torch.where(position == first[row], before[row], own[row] + position)
    none = torch.zeros(prefixes, dtype=torch.int64)
    jobs = (
        *_jobs(begin[:prefixes], lengths[:prefixes], none, none, none),
        *_jobs(begin[prefixes:], lengths[prefixes:], owner, begin[owner], lengths[owner]),
    )
    ids = torch.cat([*parts, *tails]) if prefixes else torch.zeros(0, dtype=torch.int64)
    longest = int(lengths[:prefixes].max()) if prefixes else 0
    inside = torch.arange(longest) < lengths[:prefixes, None]
    return Packed(
        ids,
        positions,
        predicts,
        jobs,
        *_orders(jobs, len(ids), heads, shared),
        inside.flatten().nonzero()[:, 0],
        (prefixes, longest),
    )


def _distinct(parts: list[Tensor]) -> tuple[list[Tensor], Tensor]:
    """The different ones among some id sequences, and the number of each in them."""
    numbers: dict[bytes, int] = {}
    out, owner = [], []
    for part in parts:
        number = numbers.setdefault(part.numpy().tobytes(), len(out))
        if number == len(out):
            out.append(part)
        owner.append(number)
    return out, torch.tensor(owner, dtype=torch.int64)


def _jobs(begin: Tensor, size: Tensor, owner: Tensor, context_begin: Tensor, context_size: Tensor) -> list[Job]:
    """Cut sequences, longest first, into jobs of about ``JOB_SCORES`` scores."""
    order = size.argsort(descending=True, stable=True)[: int((size > 0).sum())]
    out, start = [], 0
    while start < len(order):
        length, room = int(size[order[start]]), int(context_size[order[start:]].max())
        rows = order[start : start + max(JOB_SCORES // (length * (length + room)), 1)]
        start += len(rows)
        length, room = int(size[rows].max()), int(context_size[rows].max())
        inside, before = torch.arange(length), torch.arange(room)
        real, seen = inside < size[rows, None], before < context_size[rows, None]
        own = torch.where(real, begin[rows, None] + inside, begin[rows, None])
        context = torch.where(seen, context_begin[rows, None] + before, context_begin[rows, None])
        causal = torch.ones(length, length, dtype=torch.bool).tril().expand(len(rows), -1, -1)
        allowed = torch.cat([seen[:, None].expand(-1, length, -1), causal], dim=2)
        mask = torch.zeros(allowed.shape).masked_fill_(~allowed, -torch.inf)[:, None]
        out.append(Job(own, context, owner[rows], real, mask))
    return out


def _orders(jobs: tuple[Job, ...], tokens: int, heads: int, shared: int) -> tuple[Tensor, Tensor, Tensor]:
    """``reads``, ``writes`` and ``spreads`` of ``Packed``."""
    head, none = torch.arange(heads)[:, None], torch.zeros(0, dtype=torch.int64)
    reads, spreads = [none], [none]
    for job in jobs:
        seen = torch.cat([job.context, job.own], dim=1)
        which = head * shared // heads
        for part, rows in ((head, job.own), (heads + which, seen), (heads + shared + which, seen)):
            reads.append((rows[:, None] * (heads + 2 * shared) + part).flatten())
        rows = torch.where(job.real[:, None], job.own[:, None] * heads + head, tokens * heads)
        spreads.append(rows.flatten())
    spread = torch.cat(spreads)
    writes = torch.empty(tokens * heads + 1, dtype=torch.int64)
    writes[spread] = torch.arange(len(spread))
    return torch.cat(reads), writes[:-1], spread


def attention(
    unit: Tensor, weight: Tensor, bias: Tensor | None, turn: Tensor, packed: Packed, heads: int, shared: int
) -> Tensor:
    """Mixed values ``[N, heads * d]`` of normalised states ``[N, H]``; weights as ``fused.paired`` makes them."""
    return _Attention.apply(unit, weight, bias, turn, packed, heads, shared)  # type: ignore[no-any-return]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        unit: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        turn: Tensor,
        packed: Packed,
        heads: int,
        shared: int,
    ) -> Tensor:
        qkv = rotate_pairs(torch.nn.functional.linear(unit, weight, bias), turn, heads, shared)
        parts = qkv.view(-1, 2 * turn.shape[1]).index_select(0, packed.reads)
        padded = parts.new_empty(len(packed.spreads), parts.shape[1])
        keep = sum(job.mask.numel() for job in packed.jobs) * heads <= KEPT_SCORES and any(ctx.needs_input_grad)
        kept = []
        for job, (query, key, value), own in _walk(packed, parts, padded, heads):
            share = _shares(query, key, job)
            torch.bmm(share, value, out=own)
            if keep:
                kept.append(share)
        ctx.save_for_backward(unit, weight, turn, parts, *kept)
        ctx.packed, ctx.heads, ctx.shared, ctx.biased = packed, heads, shared, bias is not None
        return padded.index_select(0, packed.writes).view(len(unit), -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        unit, weight, turn, parts, *kept = ctx.saved_tensors
        packed, heads, shared, size = ctx.packed, ctx.heads, ctx.shared, parts.shape[1]
        padding = grad.new_zeros(1, size)
        wanted = torch.cat([grad.reshape(-1, size), padding]).index_select(0, packed.spreads)
        to_query, to_key, to_value = (torch.empty_like(wanted) for _ in range(3))
        to_prefix = grad.new_zeros(packed.sizes[0], 2, heads, packed.sizes[1], size)
        start = 0
        for number, (job, (query, key, value), asked) in enumerate(_walk(packed, parts, wanted, heads)):
            share = kept[number] if kept else _shares(query, key, job)
            to_score = SOFTMAX_BACKWARD(torch.bmm(asked, value.transpose(1, 2)), share, -1, share.dtype)
            here = slice(start, start := start + asked.shape[0] * asked.shape[1])
            room = job.context.shape[1]
            torch.bmm(to_score, key, out=to_query[here].view(asked.shape))
            torch.bmm(to_score[:, :, room:].transpose(1, 2), query, out=to_key[here].view(asked.shape))
            torch.bmm(share[:, :, room:].transpose(1, 2), asked, out=to_value[here].view(asked.shape))
            if room:
                seen = [
                    torch.bmm(to_score[:, :, :room].transpose(1, 2), query),
                    torch.bmm(share[:, :, :room].transpose(1, 2), asked),
                ]
                both = torch.stack([each.view(-1, heads, room, size) for each in seen], dim=1)
                to_prefix[:, :, :, :room].index_add_(0, job.owner, both)
        down = grad.new_empty(len(unit), heads + 2 * shared, size)
        for place, each in ((0, to_query), (heads, to_key), (heads + shared, to_value)):
            rows = each.index_select(0, packed.writes).view(len(unit), heads, size)
            if place and shared < heads:
                rows = rows.view(len(unit), shared, -1, size).sum(2)
            down[:, place : place + rows.shape[1]] = rows
        both = to_prefix.view(len(to_prefix), 2, shared, heads // shared, -1, size).sum(3)
        rows = both.permute(0, 3, 1, 2, 4).reshape(-1, 2 * shared, size).index_select(0, packed.prefixes)
        down[: len(rows), heads:] += rows
        down = rotate_pairs(down.flatten(1), turn.conj(), heads, shared)
        return down @ weight, (unit.T @ down).T, down.sum(0) if ctx.biased else None, None, None, None, None


def _walk(
    packed: Packed, parts: Tensor, padded: Tensor, heads: int
) -> Iterator[tuple[Job, tuple[Tensor, Tensor, Tensor], Tensor]]:
    """Each job with its queries, keys and values (``[B * heads, tokens, d]``) and its rows of ``padded``."""
    start = place = 0
    for job in packed.jobs:
        rows, length = len(job.own) * heads, job.own.shape[1]
        seen = length + job.context.shape[1]
        views = []
        for tokens in (length, seen, seen):
            views.append(parts[start : (start := start + rows * tokens)].view(rows, tokens, -1))
        yield (
            job,
            (views[0], views[1], views[2]),
            padded[place : (place := place + rows * length)].view(rows, length, -1),
        )


def _shares(query: Tensor, key: Tensor, job: Job) -> Tensor:
    scores = torch.bmm(query, key.transpose(1, 2))
    scores.view(len(job.own), -1, *scores.shape[1:]).add_(job.mask)
    return scores.softmax(-1)

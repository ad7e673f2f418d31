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

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from guerdon.batch import Batch
from guerdon.policies.fused import rotate_pairs

JOB_SCORES = 2**18
"""Attention scores per head that a job holds at most, unless one sequence alone has more."""
KEPT_SCORES = 2**24
"""Up to this many scores of a layer are kept for the backward pass; beyond, they are computed again."""


@dataclass(frozen=True)
class Job:
    """Some sequences whose attention is computed together."""

    own: Tensor
    """Row of each of a sequence's own tokens, ``[B, R]``; padding repeats some row."""
    context: Tensor
    """Row of each token of its prefix, ``[B, P]``, likewise."""
    owner: Tensor
    """Number of the prefix, ``[B]``."""
    mask: Tensor
    """What is added to scores, ``[B, 1, R, P + R]``: 0, or -inf where a token may not look."""
    rows: Tensor
    """Rows of the own tokens, ``[n]``."""
    places: Tensor
    """Where in ``[B, R]``, flat, they are, ``[n]``."""


@dataclass(frozen=True)
class Packed:
    """The tokens of a pass, prefixes first."""

    ids: Tensor
    """``[N]``."""
    positions: Tensor
    """Of each token in its sequence, ``[N]``."""
    jobs: tuple[Job, ...]
    """What attends to what."""
    predicts: Tensor
    """The row whose state predicts each token row of the batch."""

    @property
    def longest(self) -> int:
        """One more than the last position."""
        return int(self.positions.max()) + 1 if len(self.positions) else 0


def pack_tokens(batch: Batch) -> Packed:
    """The tokens whose states predict the batch's token rows."""
    row, position = batch.index("token", "traj"), batch["token.position"]
    sequences: list[Tensor] = batch["traj.input_ids"]
    count = len(sequences)
    first = torch.full((count,), 2**62).scatter_reduce_(0, row, position, "amin")
    last = torch.zeros(count, dtype=torch.int64).scatter_reduce_(0, row, position, "amax")
    trained = (last > 0).nonzero()[:, 0].tolist()
    starts, ends = first.tolist(), last.tolist()
    numbers: dict[bytes, int] = {}
    prefixes: list[Tensor] = []
    owner = torch.zeros(count, dtype=torch.int64)
    for number in trained:
        prefix = sequences[number][: starts[number]]
        key = prefix.numpy().tobytes()
        if key not in numbers:
            numbers[key] = len(prefixes)
            prefixes.append(prefix)
        owner[number] = numbers[key]
    tails = [sequences[number][starts[number] : ends[number]] for number in trained]
    heads = torch.tensor([len(prefix) for prefix in prefixes], dtype=torch.int64)
    sizes = torch.tensor([len(tail) for tail in tails], dtype=torch.int64)
    lengths = torch.cat([heads, sizes])
    begin = lengths.cumsum(0) - lengths
    start_of = torch.zeros(count, dtype=torch.int64)
    start_of[trained] = begin[len(prefixes) :]
    base = torch.cat([torch.zeros_like(heads), first[trained]])
    every = torch.arange(int(lengths.sum()))
    positions = every - (begin - base).repeat_interleave(lengths)
    # The token at a tail's first position is predicted by the last one of its prefix.
    prefix_end = (begin[: len(prefixes)] + heads - 1)[owner] if prefixes else owner
    predicts = torch.where(position == first[row], prefix_end[row], start_of[row] + position - 1 - first[row])
    none = torch.zeros(len(prefixes), dtype=torch.int64)
    jobs = [*_jobs(begin[: len(prefixes)], heads, none, none, none)]
    if prefixes:
        mine = owner[trained]
        jobs += _jobs(begin[len(prefixes) :], sizes, mine, begin[mine], heads[mine])
    ids = torch.cat([*prefixes, *tails]) if prefixes else torch.zeros(0, dtype=torch.int64)
    return Packed(ids, positions, tuple(jobs), predicts)


def _jobs(begin: Tensor, size: Tensor, owner: Tensor, context_begin: Tensor, context_size: Tensor) -> list[Job]:
    """Cut sequences, longest first, into jobs of about ``JOB_SCORES`` scores."""
    order = size.argsort(descending=True, stable=True)
    order = order[: int((size > 0).sum())]
    out, start = [], 0
    while start < len(order):
        length = int(size[order[start]])
        room = int(context_size[order[start:]].max())
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
        out.append(Job(own, context, owner[rows], mask, own[real], real.flatten().nonzero()[:, 0]))
    return out


def attention(unit: Tensor, weight: Tensor, turn: Tensor, packed: Packed, heads: int) -> Tensor:
    """Mixed values ``[N, H]`` of normalised states ``[N, H]``; weights ``[3 H, H]`` as ``fused.paired`` makes them."""
    return _Attention.apply(unit, weight, turn, packed, heads)  # type: ignore[no-any-return]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, unit: Tensor, weight: Tensor, turn: Tensor, packed: Packed, heads: int) -> Tensor:
        qkv = rotate_pairs(unit @ weight.T, turn, heads)
        out = unit.new_empty(unit.shape)
        pieces = qkv.view(len(qkv) * 3 * heads, -1)
        total = sum(job.mask.numel() for job in packed.jobs) * heads
        keep = total <= KEPT_SCORES and any(ctx.needs_input_grad)
        kept = []
        for job in packed.jobs:
            query, key, value = _parts(pieces, job, heads)
            share = _shares(query, key, job, heads)
            mixed = torch.bmm(share, value)
            out.index_copy_(0, job.rows, _rows(mixed, job, heads))
            if keep:
                kept.append(share)
        ctx.save_for_backward(unit, weight, turn, qkv, *kept)
        ctx.packed, ctx.heads = packed, heads
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        unit, weight, turn, qkv, *kept = ctx.saved_tensors
        heads, packed = ctx.heads, ctx.packed
        pieces = qkv.view(len(qkv) * 3 * heads, -1)
        down = torch.zeros_like(qkv)
        for number, job in enumerate(packed.jobs):
            query, key, value = _parts(pieces, job, heads)
            share = kept[number] if kept else _shares(query, key, job, heads)
            wanted = _spread(grad, job, heads)
            to_share = torch.bmm(wanted, value.transpose(1, 2))
            to_score = torch._softmax_backward_data(to_share, share, -1, share.dtype)
            to_key, to_value = torch.bmm(to_score.transpose(1, 2), query), torch.bmm(share.transpose(1, 2), wanted)
            room, size = job.context.shape[1], query.shape[2]
            own = [torch.bmm(to_score, key), to_key[:, room:], to_value[:, room:]]
            part = torch.stack([_rows(each, job, heads) for each in own], dim=1).flatten(1)
            # Prefixes come first, and no job but theirs copies into their rows.
            down.index_copy_(0, job.rows, part)
            if room:
                _add_to_prefix(down, to_key[:, :room], to_value[:, :room], job, heads, size)
        rotate_pairs(down, turn.conj(), heads)
        return down @ weight, down.T @ unit, None, None, None


def _index(rows: Tensor, part: int, heads: int) -> Tensor:
    """Pieces of ``[N * 3 * heads, d]`` for rows ``[B, T]``, in the order ``[B, heads, T]``."""
    return ((rows[:, None] * 3 + part) * heads + torch.arange(heads)[:, None]).flatten()


def _parts(pieces: Tensor, job: Job, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries ``[B * heads, R, d]``, keys and values ``[B * heads, P + R, d]``."""
    count, length = job.own.shape
    seen = torch.cat([job.context, job.own], dim=1)
    shape = (count * heads, seen.shape[1], -1)
    return (
        pieces.index_select(0, _index(job.own, 0, heads)).view(count * heads, length, -1),
        pieces.index_select(0, _index(seen, 1, heads)).view(shape),
        pieces.index_select(0, _index(seen, 2, heads)).view(shape),
    )


def _shares(query: Tensor, key: Tensor, job: Job, heads: int) -> Tensor:
    scores = torch.bmm(query, key.transpose(1, 2))
    scores.view(len(job.own), heads, *scores.shape[1:]).add_(job.mask)
    return scores.softmax(-1)


def _rows(padded: Tensor, job: Job, heads: int) -> Tensor:
    """``[B * heads, R, d]`` as the rows of the job's own tokens, ``[n, H]``."""
    length = job.own.shape[1]
    start = job.places // length * heads * length + job.places % length
    index = start[:, None] + length * torch.arange(heads)
    return padded.reshape(-1, padded.shape[-1]).index_select(0, index.flatten()).view(len(index), -1)


def _spread(rows: Tensor, job: Job, heads: int) -> Tensor:
    """The counterpart of ``_rows``: zero in the padding."""
    count, length = job.own.shape
    out = rows.new_zeros(count * length, rows.shape[1])
    out.index_copy_(0, job.places, rows.index_select(0, job.rows))
    return out.view(count, length, heads, -1).transpose(1, 2).reshape(count * heads, length, -1)


def _add_to_prefix(down: Tensor, to_key: Tensor, to_value: Tensor, job: Job, heads: int, size: int) -> None:
    count, room = job.context.shape
    both = torch.stack([to_key, to_value]).view(2, count, heads, room, size)
    owners, number = job.owner.unique(return_inverse=True)
    total = down.new_zeros(len(owners), 2, heads, room, size)
    total.index_add_(0, number, both.transpose(0, 1))
    some = torch.zeros(len(owners), dtype=torch.int64)
    some[number] = torch.arange(count)
    seen = job.mask[some, 0, 0, :room] == 0
    rows = job.context[some][seen]
    parts = total.permute(0, 3, 1, 2, 4).reshape(len(owners), room, -1)[seen]
    width = heads * size
    down[:, width:].index_add_(0, rows, parts)

"""Effective rank of hidden states, of whole responses and of all their prefixes (verl_er).

Idea
    How many directions a response's hidden states spread over is how much it explores; whether that number still grows
    along the response is how well it exploits what it found.
Maths
    ``ER = exp(-sum p log p)``, ``p = s / (sum s + 1e-8)``, s the singular values of the centred states ``[T, d]``.
    Of prefixes ``n_k = k stride + 1 <= T``: ``m_k = ER(H[:n_k])``, velocity ``m_k - mean(m_1 .. m_{k-1})``,
    acceleration its difference; both are means over k, 0 where there is no such k.
Reads
    States of one layer of one response.
Deviations
    The singular values come from a Gram matrix in float64 that grows by the new rows of each prefix (the smaller of
    d x d and T x T), so a prefix costs one eigenvalue problem instead of a decomposition of all its rows. Values below
    rounding are taken as 0. Fewer than two states have rank 0; equal states 1, as the 1e-8 has it.
"""

from itertools import pairwise

import torch
from torch import Tensor

EPS = 1e-8


def effective_rank(states: Tensor) -> float:
    """ER of ``[T, d]`` by full decomposition; 0 for fewer than two rows or where the decomposition fails."""
    if len(states) < 2 or not bool(states.isfinite().all()):
        return 0.0
    states = states.double()
    return float(_spread(torch.linalg.svdvals(states - states.mean(0))))


def prefix_ranks(states: Tensor, ends: list[int]) -> list[float]:
    """ER of ``states[:n]`` for every n of ``ends`` (ascending); 0 where n < 2 or the states are not finite."""
    if not bool(states.isfinite().all()):
        return [0.0] * len(ends)
    # The rank does not depend on where the origin is; near the states, less is lost to cancellation.
    states = states.double()
    states = states - states[:1]
    wide = states.shape[1] >= len(states)
    gram = states @ states.T if wide else states.new_zeros(states.shape[1], states.shape[1])
    done, ranks = 0, []
    for end in ends:
        if end < 2:
            ranks.append(0.0)
            continue
        if wide:
            part = gram[:end, :end]
            row = part.mean(0)
            centred = part - row[None] - row[:, None] + row.mean()
        else:
            fresh = states[done:end]
            gram, done = gram + fresh.T @ fresh, end
            mean = states[:end].mean(0)
            centred = gram - end * torch.outer(mean, mean)
        ranks.append(float(_spread(_roots(centred, end))))
    return ranks


def rank_dynamics(states: Tensor, stride: int = 20) -> tuple[float, float, float]:
    """(ER, mean velocity, mean acceleration) of one response ``[T, d]``."""
    total = len(states)
    ends = [at + 1 for at in range(stride, total, stride)]
    *prefixes, whole = prefix_ranks(states, [*ends, total])
    steps = [prefixes[k] - sum(prefixes[:k]) / k for k in range(1, len(prefixes))]
    turns = [after - before for before, after in pairwise(steps)]
    return whole, sum(steps) / max(len(steps), 1), sum(turns) / max(len(turns), 1)


def _roots(gram: Tensor, rows: int) -> Tensor:
    """Singular values of a centred matrix from its Gram matrix; what is below rounding is 0."""
    try:
        values = torch.linalg.eigvalsh(gram)
    except RuntimeError:
        return gram.new_zeros(0)
    noise = values[-1].clamp(min=0) * max(rows, len(gram)) * torch.finfo(gram.dtype).eps
    return torch.where(values > noise, values, torch.zeros_like(values)).sqrt()


def _spread(singular: Tensor) -> Tensor:
    """exp of the entropy of normalised singular values; 0 for none."""
    if len(singular) == 0:
        return singular.new_zeros(())
    share = singular / (singular.sum() + EPS)
    return torch.special.entr(share).sum().exp()

"""Reductions, scans and ranks over ragged segments: the only place that groups.

Every function takes ``values`` of shape ``[child, ...]``, ``index`` of shape ``[child]`` (the segment
of each row, ``0 <= index < size``) and ``size`` (the number of segments, so empty ones exist).
Reductions return ``[size, ...]``; scans, softmax and ranks return ``[child, ...]``.

``where`` is an optional boolean ``[child]``: rows where it is false do not exist for the result.
Masked rows may hold NaN: neither the value nor the gradient of the result sees them. An empty
segment gives 0 for ``sum``, ``mean``, ``var`` and ``std``, ``fill`` for ``max``/``min``, ``-inf``
for ``logsumexp``. Segments need not be contiguous; scans follow row order inside each segment.
"""

import torch
from torch import Tensor


def _masked(values: Tensor, where: Tensor | None, fill: float = 0.0) -> Tensor:
    """Replace masked rows by ``fill`` (a select, not a product, so NaN does not leak into gradients)."""
    if where is None:
        return values
    return torch.where(_like(where, values), values, torch.full_like(values, fill))


def _like(rows: Tensor, values: Tensor) -> Tensor:
    """View ``[child]`` so that it broadcasts against ``[child, ...]``."""
    return rows.reshape(rows.shape + (1,) * (values.dim() - 1))


def _floating(values: Tensor) -> Tensor:
    return values if values.is_floating_point() else values.to(torch.get_default_dtype())


def count(index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """Rows per segment, ``[size]``, int64."""
    ones = torch.ones_like(index) if where is None else where.to(index.dtype)
    return torch.zeros(size, dtype=index.dtype, device=index.device).index_add(0, index, ones)


def count_true(values: Tensor, index: Tensor, size: int) -> Tensor:
    """True rows per segment of a boolean ``[child]``, int64."""
    return count(index, size, values)


def sum(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """Sum per segment."""
    out = values.new_zeros((size, *values.shape[1:]))
    return out.index_add(0, index, _masked(values, where))


def mean(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """Arithmetic mean per segment; 0 where the segment is empty."""
    values = _floating(values)
    number = count(index, size, where).clamp(min=1).to(values.dtype)
    return sum(values, index, size, where) / _like(number, values)


def var(values: Tensor, index: Tensor, size: int, where: Tensor | None = None, ddof: int = 1) -> Tensor:
    """Variance per segment with ``n - ddof`` in the denominator; 0 where ``n <= ddof``.

    A segment of equal values gives exactly 0: the values are centred on the segment's first value
    before the mean is taken, so no rounding error survives.
    """
    values = _floating(values)
    anchor = first(values.detach(), index, size, where)[index]
    shifted = _masked(values - anchor, where)
    centred = _masked(shifted - mean(shifted, index, size, where)[index], where)
    free = count(index, size, where) - ddof
    total = sum(centred * centred, index, size)
    return torch.where(_like(free > 0, total), total / _like(free.clamp(min=1).to(values.dtype), total), total * 0)


def std(values: Tensor, index: Tensor, size: int, where: Tensor | None = None, ddof: int = 1) -> Tensor:
    """Standard deviation per segment; 0 (with gradient 0) where the variance is 0 or undefined."""
    variance = var(values, index, size, where, ddof)
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, torch.ones_like(variance)).sqrt(), variance * 0)


def max(values: Tensor, index: Tensor, size: int, where: Tensor | None = None, fill: float = -torch.inf) -> Tensor:
    """Maximum per segment; ``fill`` where the segment is empty. Ties share the gradient."""
    return _extreme(values, index, size, where, fill, "amax")


def min(values: Tensor, index: Tensor, size: int, where: Tensor | None = None, fill: float = torch.inf) -> Tensor:
    """Minimum per segment; ``fill`` where the segment is empty. Ties share the gradient."""
    return _extreme(values, index, size, where, fill, "amin")


def _extreme(values: Tensor, index: Tensor, size: int, where: Tensor | None, fill: float, reduce: str) -> Tensor:
    values = _floating(values)
    if where is not None:
        values, index = values[where], index[where]
    start = values.new_zeros((size, *values.shape[1:]))
    rows = _like(index, values).expand_as(values)
    out = start.scatter_reduce(0, rows, values, reduce, include_self=False)
    empty = count(index, size) == 0
    return torch.where(_like(empty, out), torch.full_like(out, fill), out)


def logsumexp(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """log sum exp per segment; ``-inf`` where the segment is empty."""
    values = _floating(values)
    if where is not None:
        values, index = values[where], index[where]
    peak = max(values.detach(), index, size)
    peak = torch.where(peak.isfinite(), peak, torch.zeros_like(peak))
    return sum((values - peak[index]).exp(), index, size).log() + peak


def softmax(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """Softmax inside each segment, ``[child, ...]``; masked rows get 0."""
    values = _masked(_floating(values), where, -torch.inf)
    peak = max(values.detach(), index, size)
    peak = torch.where(peak.isfinite(), peak, torch.zeros_like(peak))
    weight = _masked((values - peak[index]).exp(), where)
    total = sum(weight, index, size)
    return weight / torch.where(total > 0, total, torch.ones_like(total))[index]


def first(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """The first row of each segment; 0 where the segment is empty."""
    return _pick(values, index, size, where, "amin")


def last(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """The last row of each segment; 0 where the segment is empty."""
    return _pick(values, index, size, where, "amax")


def _pick(values: Tensor, index: Tensor, size: int, where: Tensor | None, reduce: str) -> Tensor:
    rows = torch.arange(len(index), device=index.device)
    if where is not None:
        rows, index = rows[where], index[where]
    chosen = torch.full((size,), -1, dtype=torch.int64, device=index.device)
    chosen = chosen.scatter_reduce(0, index, rows, reduce, include_self=False)
    if len(values) == 0:
        return values.new_zeros((size, *values.shape[1:]))
    picked = values[chosen.clamp(min=0)]
    return torch.where(_like(chosen >= 0, picked), picked, torch.zeros_like(picked))


def position(index: Tensor, size: int) -> Tensor:
    """Row number inside its segment, counted from 0, in row order, ``[child]``."""
    order = torch.argsort(index, stable=True)
    starts = torch.cumsum(count(index, size), 0) - count(index, size)
    ranks = torch.empty_like(index)
    ranks[order] = torch.arange(len(index), device=index.device) - starts[index[order]]
    return ranks


def leave_one_out_mean(values: Tensor, index: Tensor, size: int, where: Tensor | None = None) -> Tensor:
    """Mean of the *other* rows of the segment, ``[child, ...]``; 0 where there is no other row."""
    values = _floating(values)
    kept = _masked(values, where)
    others = count(index, size, where)[index] - (1 if where is None else where.to(index.dtype))
    total = sum(kept, index, size)[index] - kept
    return torch.where(_like(others > 0, total), total / _like(others.clamp(min=1).to(values.dtype), total), total * 0)


def quantile(values: Tensor, index: Tensor, size: int, q: float, where: Tensor | None = None) -> Tensor:
    """Quantile per segment of 1-D values with linear interpolation (numpy's default); 0 where empty."""
    values = _floating(values)
    if where is not None:
        values, index = values[where], index[where]
    by_value = torch.argsort(values, stable=True)
    order = by_value[torch.argsort(index[by_value], stable=True)]
    number = count(index, size)
    start = torch.cumsum(number, 0) - number
    if len(values) == 0:
        return values.new_zeros(size)
    place = q * (number - 1).clamp(min=0).to(values.dtype)
    low = place.floor().to(torch.int64)
    high = torch.minimum(low + 1, (number - 1).clamp(min=0))
    ordered = values[order]
    at = lambda offset: ordered[(start + offset).clamp(max=len(values) - 1)]  # noqa: E731
    return torch.where(number > 0, torch.lerp(at(low), at(high), place - low), values.new_zeros(()))


def rank(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Rank of each row inside its segment by ascending value, from 0, ties by row order, ``[child]``."""
    by_value = torch.argsort(values, stable=True)
    out = torch.empty_like(index)
    out[by_value] = position(index[by_value], size)
    return out


def discounted_sum(values: Tensor, index: Tensor, size: int, discount: float | Tensor) -> Tensor:
    """Return to go inside each segment: ``y_t = x_t + discount_t * y_{t+1}``, ``[child]``.

    ``discount`` is a number or a ``[child]`` tensor (the factor on the *next* row's return).
    Computed by recursive doubling: ``ceil(log2(longest))`` vectorised passes, differentiable.
    """
    values = _floating(values)
    length = len(values)
    if length == 0:
        return values
    factor = torch.as_tensor(discount, dtype=values.dtype, device=values.device).expand(length)
    order = torch.argsort(index, stable=True)
    total, factor, segment = values[order], factor[order], index[order]
    longest = int(count(index, size).max())
    reach = 1
    while reach < longest:
        same = segment[:-reach] == segment[reach:]
        ahead = torch.where(same, factor[:-reach] * total[reach:], total.new_zeros(()))
        total = torch.cat([total[:-reach] + ahead, total[-reach:]])
        product = torch.where(same, factor[:-reach] * factor[reach:], factor.new_zeros(()))
        factor = torch.cat([product, torch.zeros_like(factor[-reach:])])
        reach *= 2
    return torch.empty_like(total).index_copy(0, order, total)


def cumsum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Running sum inside each segment, the row itself included, ``[child]``."""
    flipped = discounted_sum(values.flip(0), index.flip(0), size, 1.0)
    return flipped.flip(0)


def shift(values: Tensor, index: Tensor, size: int, by: int = 1, fill: float = 0.0) -> Tensor:
    """The value ``by`` rows later in the same segment (earlier if negative); ``fill`` beyond the segment."""
    order = torch.argsort(index, stable=True)
    segment = index[order]
    length = len(index)
    source = torch.arange(length, device=index.device) + by
    inside = (source >= 0) & (source < length)
    source = source.clamp(0, length - 1) if length else source
    inside = inside & (segment[source] == segment)
    moved = torch.where(_like(inside, values), values[order][source], torch.full_like(values, fill))
    return torch.empty_like(moved).index_copy(0, order, moved)

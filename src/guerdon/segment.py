"""Reductions, scans and ranks over ragged segments: the only place that groups.

Every function takes ``values`` of shape ``[child, ...]``, ``index`` of shape ``[child]`` (the segment
of each row, ``0 <= index < size``) and ``size`` (the number of segments, so empty ones exist).
Reductions return ``[size, ...]``; scans, softmax and ranks return ``[child, ...]``. ``quantile`` and
``rank`` sort, so they take ``[child]`` only.

``where`` is an optional boolean ``[child]``: rows where it is false do not exist for the result.
Masked rows may hold NaN: neither the value nor the gradient of the result sees them. An empty
segment gives 0 for ``sum``, ``mean``, ``var`` and ``std``, ``fill`` for ``max``/``min``, ``-inf``
for ``logsumexp``. Segments need not be contiguous; scans follow row order inside each segment.

Statistics of integers and booleans are computed in the default float type, those of half precision in
float32: a bfloat16 sum would stop growing at 256 rows. ``sum`` of integers stays an integer.
"""

import builtins

import torch
from torch import Tensor

from guerdon.axes import Counts, Index, Mask, Reduced, Row, Rows


def _like(rows: Tensor, values: Tensor) -> Tensor:
    """View ``[child]`` so that it broadcasts against ``[child, ...]``."""
    return rows.reshape(rows.shape + (1,) * (values.dim() - 1))


def _masked(values: Tensor, where: Tensor | None, fill: float = 0) -> Tensor:
    """Replace masked rows by ``fill`` (a select, not a product, so NaN does not leak into gradients)."""
    return values if where is None else torch.where(_like(where, values), values, fill)


def spread(values: Tensor, index: Tensor) -> Tensor:
    """``values[index]``; several times faster than indexing, forward and backward."""
    return values.expand(len(index), *values.shape[1:]) if len(values) == 1 else values.index_select(0, index)


def floating(values: Tensor) -> Tensor:
    """The values in the type that statistics are computed in."""
    if values.dtype in (torch.float16, torch.bfloat16):
        return values.float()
    return values if values.is_floating_point() else values.to(torch.get_default_dtype())


def _divided(total: Tensor, number: Tensor) -> Tensor:
    """``total / number``, 0 where ``number <= 0``; ``number`` is one integer per row of ``total``."""
    positive = _like(number > 0, total)
    return torch.where(positive, total / _like(number.clamp(min=1).to(total.dtype), total), 0.0)


def _anchored(values: Tensor, index: Tensor, size: int, where: Tensor | None) -> tuple[Tensor, Tensor]:
    """(values less their segment's maximum, 0 where masked; that maximum ``[size, ...]``, 0 if not finite).

    Statistics of these differences are exact for equal values: no rounding error is left that a division by
    a zero standard deviation could blow up.
    """
    peak = max(values.detach(), index, size, where).nan_to_num(0.0, 0.0, 0.0)
    return _masked(values - spread(peak, index), where), peak


def _order(index: Tensor) -> Tensor | None:
    """Rows sorted by segment, row order kept inside; None if they already are, as in every ``Batch``."""
    if len(index) < 2 or bool((index[1:] >= index[:-1]).all()):
        return None
    return torch.argsort(index, stable=True)


def count(index: Index, size: int, where: Mask | None = None) -> Counts:
    """Rows per segment, ``[size]``, int64."""
    if size == 1:
        return index.new_full((1,), len(index)) if where is None else where.sum(0, keepdim=True, dtype=index.dtype)
    ones = torch.ones_like(index) if where is None else where.to(index.dtype)
    return torch.zeros(size, dtype=index.dtype, device=index.device).index_add_(0, index, ones)


def count_true(values: Mask, index: Index, size: int) -> Counts:
    """True rows per segment of a boolean ``[child]``, int64."""
    return count(index, size, values)


def sum(values: Rows, index: Index, size: int, where: Mask | None = None) -> Reduced:
    """Sum per segment; booleans are counted."""
    values = values.long() if values.dtype == torch.bool else values
    values = floating(values) if values.is_floating_point() else values
    if size == 1:
        # Adding one row after the other would lose digits: at half a million rows, three of float32's seven.
        return _masked(values, where).sum(0, keepdim=True, dtype=values.dtype)
    return values.new_zeros((size, *values.shape[1:])).index_add(0, index, _masked(values, where))


def mean(values: Rows, index: Index, size: int, where: Mask | None = None) -> Reduced:
    """Arithmetic mean per segment; 0 where the segment is empty. The mean of equal values is that value, exactly."""
    shifted, anchor = _anchored(floating(values), index, size, where)
    return _divided(sum(shifted, index, size), count(index, size, where)) + anchor


def var(values: Rows, index: Index, size: int, where: Mask | None = None, ddof: int = 1) -> Reduced:
    """Variance per segment with ``n - ddof`` in the denominator; 0 where ``n <= ddof``, and for equal values."""
    shifted, _ = _anchored(floating(values), index, size, where)
    number = count(index, size, where)
    centered = _masked(shifted - spread(_divided(sum(shifted, index, size), number), index), where)
    return _divided(sum(centered * centered, index, size), number - ddof)


def std(values: Rows, index: Index, size: int, where: Mask | None = None, ddof: int = 1) -> Reduced:
    """Standard deviation per segment; 0 (with gradient 0) where the variance is 0 or undefined."""
    variance = var(values, index, size, where, ddof)
    positive = variance > 0
    return torch.where(positive, torch.where(positive, variance, 1.0).sqrt(), variance.detach())


def max(values: Rows, index: Index, size: int, where: Mask | None = None, fill: float = -torch.inf) -> Reduced:
    """Maximum per segment; ``fill`` where the segment is empty. Ties share the gradient."""
    return _extreme(values, index, size, where, fill, "amax", -torch.inf)


def min(values: Rows, index: Index, size: int, where: Mask | None = None, fill: float = torch.inf) -> Reduced:
    """Minimum per segment; ``fill`` where the segment is empty. Ties share the gradient."""
    return _extreme(values, index, size, where, fill, "amin", torch.inf)


def _extreme(
    values: Tensor, index: Tensor, size: int, where: Tensor | None, fill: float, reduce: str, start: float
) -> Tensor:
    values = _masked(floating(values), where, start)
    if size == 1 and len(values):
        out = (values.amax if reduce == "amax" else values.amin)(0, keepdim=True)
    else:
        # A finite start would tie with the result (include_self=False ignores it in the value, not in the gradient).
        out = values.new_full((size, *values.shape[1:]), start)
        out = out.scatter_reduce(0, _like(index, values).expand_as(values), values, reduce)
    return out if fill == start else torch.where(_like(count(index, size, where) > 0, out), out, fill)


def logsumexp(values: Rows, index: Index, size: int, where: Mask | None = None) -> Reduced:
    """log sum exp per segment; ``-inf`` (with gradient 0) where the segment is empty or all ``-inf``."""
    values = _masked(floating(values), where, -torch.inf)
    peak = max(values.detach(), index, size)
    peak = torch.where(peak.isfinite(), peak, 0.0)
    total = sum((values - spread(peak, index)).exp(), index, size)
    return torch.where(total > 0, torch.where(total > 0, total, 1.0).log() + peak, -torch.inf)


def softmax(values: Rows, index: Index, size: int, where: Mask | None = None) -> Rows:
    """Softmax inside each segment, ``[child, ...]``; masked rows get 0."""
    values = _masked(floating(values), where, -torch.inf)
    peak = max(values.detach(), index, size)
    peak = torch.where(peak.isfinite(), peak, 0.0)
    weight = (values - spread(peak, index)).exp()
    total = sum(weight, index, size)
    return weight / spread(torch.where(total > 0, total, 1.0), index)


def first(values: Rows, index: Index, size: int, where: Mask | None = None) -> Reduced:
    """The first row of each segment; 0 where the segment is empty."""
    return _pick(values, index, size, where, "amin", len(index))


def last(values: Rows, index: Index, size: int, where: Mask | None = None) -> Reduced:
    """The last row of each segment; 0 where the segment is empty."""
    return _pick(values, index, size, where, "amax", -1)


def _pick(values: Tensor, index: Tensor, size: int, where: Tensor | None, reduce: str, none: int) -> Tensor:
    if len(values) == 0:
        return values.new_zeros((size, *values.shape[1:]))
    rows = _masked(torch.arange(len(index), device=index.device), where, none)
    chosen = rows.new_full((size,), none).scatter_reduce(0, index, rows, reduce)
    picked = spread(values, chosen.clamp(0, len(values) - 1))
    return torch.where(_like(chosen != none, picked), picked, torch.zeros_like(picked))


def position(index: Index, size: int) -> Index:
    """Row number inside its segment, counted from 0, in row order, ``[child]``."""
    order = _order(index)
    number = count(index, size)
    starts = spread(torch.cumsum(number, 0) - number, index)
    rows = torch.arange(len(index), device=index.device)
    if order is None:
        return rows - starts
    return torch.empty_like(index).index_copy_(0, order, rows) - starts


def leave_one_out_mean(values: Rows, index: Index, size: int, where: Mask | None = None) -> Rows:
    """Mean of the *other* rows of the segment, ``[child, ...]``; 0 where there is no other row."""
    shifted, anchor = _anchored(floating(values), index, size, where)
    others = spread(count(index, size, where), index) - (1 if where is None else where.to(index.dtype))
    total = spread(sum(shifted, index, size), index) - shifted
    return torch.where(_like(others > 0, total), _divided(total, others) + spread(anchor, index), 0.0)


def quantile(values: Row, index: Index, size: int, q: float, where: Mask | None = None) -> Reduced:
    """Quantile per segment of 1-D values with linear interpolation (numpy's default); 0 where empty."""
    values = _masked(floating(values), where, torch.inf)
    if len(values) == 0:
        return values.new_zeros(size)
    by_value = torch.argsort(values, stable=True)
    ordered = spread(values, spread(by_value, torch.argsort(spread(index, by_value), stable=True)))
    rows, number = count(index, size), count(index, size, where)
    start = torch.cumsum(rows, 0) - rows
    place = q * (number - 1).clamp(min=0).to(values.dtype)
    low = place.floor().to(torch.int64)
    high = torch.minimum(low + 1, (number - 1).clamp(min=0))
    below, above = (spread(ordered, (start + offset).clamp(max=len(values) - 1)) for offset in (low, high))
    return torch.where(number > 0, torch.lerp(below, above, place - low), 0.0)


def rank(values: Row, index: Index, size: int) -> Index:
    """Rank of each row inside its segment by ascending 1-D value, from 0, ties by row order, ``[child]``."""
    by_value = torch.argsort(values, stable=True)
    return torch.empty_like(index).index_copy_(0, by_value, position(spread(index, by_value), size))


def discounted_sum(values: Rows, index: Index, size: int, discount: float | Tensor) -> Rows:
    """Return to go inside each segment: ``y_t = x_t + discount_t * y_{t+1}``, ``[child, ...]``.

    ``discount`` is a number or a ``[child]`` tensor (the factor on the *next* row's return).
    Computed by recursive doubling: ``ceil(log2(longest))`` vectorised passes, differentiable.
    """
    values = floating(values)
    if len(values) == 0:
        return values
    order = _order(index)
    if order is None:
        return _scan(values, index, size, discount)
    if isinstance(discount, Tensor) and discount.dim():
        discount = spread(discount, order)
    return torch.empty_like(values).index_copy(0, order, _scan(values[order], index[order], size, discount))


def _scan(total: Tensor, index: Tensor, size: int, factor: float | Tensor) -> Tensor:
    """``discounted_sum`` of sorted segments: after the pass of ``reach``, each row sums 2 ``reach`` rows."""
    number = count(index, size)
    last = spread(torch.cumsum(number, 0), index) - 1
    behind = (last - torch.arange(len(index), device=index.device)).to(torch.int32)
    per_row = isinstance(factor, Tensor) and factor.dim() > 0
    if isinstance(factor, Tensor):
        factor = _like(factor.to(total.dtype), total) if per_row else factor.to(total.dtype)
    reach, longest = 1, int(number.max())
    while reach < longest:
        same = _like(behind[:-reach] >= reach, total)
        # Rows of other segments are replaced before the product, so what they hold stays out of the gradient.
        ahead = torch.where(same, total[reach:], 0.0)
        here = factor[:-reach] if isinstance(factor, Tensor) and per_row else factor
        total = torch.cat([total[:-reach] + here * ahead, total[-reach:]])
        if isinstance(factor, Tensor) and per_row:
            factor = torch.cat([factor[:-reach] * torch.where(same, factor[reach:], 0.0), factor[-reach:]])
        else:
            factor = factor * factor
        reach *= 2
    return total


def cumsum(values: Rows, index: Index, size: int) -> Rows:
    """Running sum inside each segment, the row itself included, ``[child, ...]``."""
    values = floating(values)
    if len(values) == 0:
        return values
    order = _order(index)
    if order is None:
        return _scan(values.flip(0), size - 1 - index.flip(0), size, 1.0).flip(0)
    running = _scan(values[order].flip(0), size - 1 - index[order].flip(0), size, 1.0).flip(0)
    return torch.empty_like(values).index_copy(0, order, running)


def shift(values: Rows, index: Index, size: int, by: int = 1, fill: float = 0.0) -> Rows:
    """The value ``by`` rows later in the same segment (earlier if negative); ``fill`` beyond the segment."""
    length = len(index)
    if length == 0:
        return values
    order = _order(index)
    segment, rows = (index, values) if order is None else (index[order], values[order])
    by = builtins.max(builtins.min(by, length), -length)
    kept, gone = length - abs(by), rows.new_full((abs(by), *rows.shape[1:]), fill)
    early, late = slice(0, kept), slice(length - kept, length)
    here, there = (early, late) if by >= 0 else (late, early)
    moved = torch.where(_like(segment[here] == segment[there], rows), rows[there], gone.new_tensor(fill))
    moved = torch.cat([moved, gone] if by >= 0 else [gone, moved])
    return moved if order is None else torch.empty_like(moved).index_copy(0, order, moved)

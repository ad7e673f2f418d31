"""Every function of segment.py against a plain loop over rows, forward and gradient."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from strategies import Ragged, ragged
from torch import Tensor

from guerdon import segment

Oracle = Callable[[Tensor], Tensor]
F64 = torch.float64


def zeros(data: Ragged) -> Tensor:
    return torch.zeros(data.values.shape[1:], dtype=F64)


def leave_one_out(data: Ragged, values: Tensor) -> Tensor:
    out = []
    for row, at in enumerate(data.index.tolist()):
        others = [other for other in data.rows(at) if other != row]
        out.append(values[others].mean(0) if others else zeros(data))
    return torch.stack(out) if out else values


def softmax(data: Ragged, values: Tensor) -> Tensor:
    out = torch.zeros_like(values)
    for at in range(data.size):
        if rows := data.rows(at):
            out[rows] = values[rows].softmax(0)
    return out


REDUCTIONS: dict[str, tuple[Callable[..., Tensor], Callable[[Tensor], Tensor], int, float]] = {
    # name: function, the same of one segment's rows, fewest rows that define it, what it gives below that
    "sum": (segment.sum, lambda x: x.sum(0), 1, 0.0),
    "mean": (segment.mean, lambda x: x.mean(0), 1, 0.0),
    "var": (segment.var, lambda x: x.var(0), 2, 0.0),
    "std": (segment.std, lambda x: x.std(0), 2, 0.0),
    "max": (segment.max, lambda x: x.amax(0), 1, -math.inf),
    "min": (segment.min, lambda x: x.amin(0), 1, math.inf),
    "logsumexp": (segment.logsumexp, lambda x: x.logsumexp(0), 1, -math.inf),
    "first": (segment.first, lambda x: x[0], 1, 0.0),
    "last": (segment.last, lambda x: x[-1], 1, 0.0),
}
PER_ROW = {"softmax": (segment.softmax, softmax), "leave_one_out_mean": (segment.leave_one_out_mean, leave_one_out)}


def reduced(data: Ragged, values: Tensor, one: Callable[[Tensor], Tensor], fewest: int, fill: float) -> Tensor:
    rows = [data.rows(at) for at in range(data.size)]
    parts = [one(values[some]) if len(some) >= fewest else torch.full_like(zeros(data), fill) for some in rows]
    return torch.stack(parts) if parts else values.new_zeros((0, *values.shape[1:]))


def gradient(call: Callable[[Tensor], Tensor], values: Tensor) -> tuple[Tensor, Tensor]:
    """The value, and the gradient of a fixed random weighting of its finite entries."""
    leaf = values.clone().requires_grad_(True)
    out = call(leaf)
    weight = torch.rand(out.shape, generator=torch.Generator().manual_seed(0), dtype=F64)
    total = torch.where(out.isfinite(), out, 0.0) * weight
    grad = torch.autograd.grad(total.sum(), leaf)[0] if out.requires_grad else torch.zeros_like(values)
    return out.detach(), grad


def assert_agree(actual: Callable[[Tensor], Tensor], wanted: Oracle, data: Ragged) -> None:
    (value, grad), (wanted_value, wanted_grad) = gradient(actual, data.values), gradient(wanted, data.values)
    torch.testing.assert_close(value, wanted_value, rtol=1e-9, atol=1e-9)
    # An oracle's gradient is NaN where a root has no derivative; there the library promises 0.
    torch.testing.assert_close(grad, wanted_grad.nan_to_num(0.0), rtol=1e-7, atol=1e-7)
    assert bool(grad.isfinite().all())


@pytest.mark.parametrize("name", REDUCTIONS)
@given(data=ragged())
def test_reduction_agrees_with_a_loop(name: str, data: Ragged) -> None:
    function, one, fewest, fill = REDUCTIONS[name]
    assert_agree(
        lambda values: function(values, data.index, data.size, data.where),
        lambda values: reduced(data, values, one, fewest, fill),
        data,
    )


@pytest.mark.parametrize("name", ["max", "min", "std", "var", "mean"])
@given(data=ragged(ties=True))
def test_reduction_of_ties_agrees_with_a_loop(name: str, data: Ragged) -> None:
    function, one, fewest, fill = REDUCTIONS[name]
    assert_agree(
        lambda values: function(values, data.index, data.size, data.where),
        lambda values: reduced(data, values, one, fewest, fill),
        data,
    )


@pytest.mark.parametrize("name", PER_ROW)
@given(data=ragged())
def test_per_row_agrees_with_a_loop(name: str, data: Ragged) -> None:
    function, oracle = PER_ROW[name]
    assert_agree(
        lambda values: function(values, data.index, data.size, data.where), lambda values: oracle(data, values), data
    )


@pytest.mark.parametrize("ddof", [0, 2])
@given(data=ragged())
def test_var_with_other_degrees_of_freedom(ddof: int, data: Ragged) -> None:
    assert_agree(
        lambda values: segment.var(values, data.index, data.size, data.where, ddof=ddof),
        lambda values: reduced(data, values, lambda x: x.var(0, correction=ddof), ddof + 1, 0.0),
        data,
    )


@given(data=ragged(trailing=()), q=st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_quantile_agrees_with_a_loop(data: Ragged, q: float) -> None:
    assert_agree(
        lambda values: segment.quantile(values, data.index, data.size, q, data.where),
        lambda values: reduced(data, values, lambda x: x.quantile(q, 0), 1, 0.0),
        data,
    )


def to_go(data: Ragged, values: Tensor, discount: Tensor) -> Tensor:
    """``y_t = x_t + discount_t y_{t+1}``, one row after the other."""
    out: list[Tensor] = [values.new_zeros(())] * len(values)
    for at in range(data.size):
        following = None
        for row in reversed(data.rows(at)):
            following = values[row] if following is None else values[row] + discount[row] * following
            out[row] = following
    return torch.stack(out) if out else values


@given(data=ragged(masks=False), discount=st.sampled_from([0.0, 0.5, 0.99, 1.0, 1.5, -0.7]))
def test_discounted_sum_agrees_with_a_loop(data: Ragged, discount: float) -> None:
    each = torch.full((len(data.index),), discount, dtype=F64)
    for given_as in (discount, torch.tensor(discount, dtype=F64), each):
        assert_agree(
            lambda values, given_as=given_as: segment.discounted_sum(values, data.index, data.size, given_as),
            lambda values: to_go(data, values, each),
            data,
        )


@given(data=ragged(masks=False))
def test_discounted_sum_with_a_discount_per_row(data: Ragged) -> None:
    discount = torch.rand(len(data.index), dtype=F64, generator=torch.Generator().manual_seed(1))
    assert_agree(
        lambda values: segment.discounted_sum(values, data.index, data.size, discount),
        lambda values: to_go(data, values, discount),
        data,
    )
    _, grad = gradient(lambda d: segment.discounted_sum(data.values, data.index, data.size, d), discount)
    _, wanted = gradient(lambda d: to_go(data, data.values, d), discount)
    torch.testing.assert_close(grad, wanted, rtol=1e-7, atol=1e-7)


@given(data=ragged(masks=False))
def test_cumsum_agrees_with_a_loop(data: Ragged) -> None:
    def loop(values: Tensor) -> Tensor:
        out = [values[[r for r in data.rows(at) if r <= row]].sum(0) for row, at in enumerate(data.index.tolist())]
        return torch.stack(out) if out else values

    assert_agree(lambda values: segment.cumsum(values, data.index, data.size), loop, data)


@given(data=ragged(masks=False), by=st.integers(-3, 3))
def test_shift_agrees_with_a_loop(data: Ragged, by: int) -> None:
    def loop(values: Tensor) -> Tensor:
        out = []
        for row, at in enumerate(data.index.tolist()):
            rows = data.rows(at)
            place = rows.index(row) + by
            out.append(values[rows[place]] if 0 <= place < len(rows) else torch.full_like(values[row], 7.0))
        return torch.stack(out) if out else values

    assert_agree(lambda values: segment.shift(values, data.index, data.size, by, fill=7.0), loop, data)


@given(data=ragged(ties=True, trailing=()))
def test_counts_positions_and_ranks_agree_with_a_loop(data: Ragged) -> None:
    counts = [len(data.rows(at)) for at in range(data.size)]
    assert segment.count(data.index, data.size, data.where).tolist() == counts
    if data.where is not None:
        assert segment.count_true(data.where, data.index, data.size).tolist() == counts
    values = data.values.nan_to_num(0.0)
    position, rank = [], []
    for row, at in enumerate(data.index.tolist()):
        rows = [r for r, other in enumerate(data.index.tolist()) if other == at]
        position.append(rows.index(row))
        rank.append(sorted(rows, key=lambda r: float(values[r])).index(row))
    assert segment.position(data.index, data.size).tolist() == position
    assert segment.rank(values, data.index, data.size).tolist() == rank


ALL = {
    **{name: function for name, (function, *_) in REDUCTIONS.items()},
    **{name: function for name, (function, _) in PER_ROW.items()},
}


@pytest.mark.parametrize("name", sorted(set(ALL) - {"max", "min"}))
@settings(max_examples=15)
@given(data=ragged())
def test_gradcheck(name: str, data: Ragged) -> None:
    """Second opinion on the gradient, from finite differences (where the function is smooth)."""
    where = data.where
    values = data.values.nan_to_num(0.0).requires_grad_(True)
    if name == "std":  # keep away from the root's kink: rows of a segment apart from one another
        place = segment.position(data.index, data.size).double() ** 2
        values = (values.detach() * 0.01 + place.reshape(-1, *[1] * (values.dim() - 1))).requires_grad_(True)
    if len(data.index) and data.size:

        def finite(v: Tensor) -> Tensor:
            out = ALL[name](v, data.index, data.size, where)
            return torch.where(out.isfinite(), out, 0.0)

        assert torch.autograd.gradcheck(finite, (values,), atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=20)
@given(data=ragged(), seed=st.integers(0, 99))
def test_permuting_the_rows_permutes_or_keeps_the_result(name: str, data: Ragged, seed: int) -> None:
    order = torch.randperm(len(data.index), generator=torch.Generator().manual_seed(seed))
    where = None if data.where is None else data.where[order]
    if name in ("first", "last"):  # these depend on the order: keep it inside the segments
        order = torch.argsort(data.index, stable=True)
        where = None if data.where is None else data.where[order]
    plain = ALL[name](data.values, data.index, data.size, data.where)
    moved = ALL[name](data.values[order], data.index[order], data.size, where)
    torch.testing.assert_close(moved, plain[order] if name in PER_ROW else plain, rtol=1e-9, atol=1e-9)


@given(data=ragged(masks=False), shift=st.floats(-5, 5), scale=st.floats(0.1, 5))
def test_shift_and_scale_laws(data: Ragged, shift: float, scale: float) -> None:
    args = (data.index, data.size)
    filled = (segment.count(*args) > 0).reshape(-1, *[1] * (data.values.dim() - 1))
    moved = scale * data.values + shift
    close = lambda a, b: torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)  # noqa: E731
    for function in (segment.mean, segment.max, segment.min, segment.first, segment.last):
        close(
            torch.where(filled, function(moved, *args), 0.0),
            torch.where(filled, scale * function(data.values, *args) + shift, 0.0),
        )
    close(segment.var(moved, *args), scale**2 * segment.var(data.values, *args))
    close(segment.std(moved, *args), scale * segment.std(data.values, *args))
    close(segment.softmax(data.values + shift, *args), segment.softmax(data.values, *args))


@given(
    value=st.floats(-1e6, 1e6, width=32),
    rows=st.integers(1, 33),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_equal_values_leave_no_rounding_error(value: float, rows: int, dtype: torch.dtype) -> None:
    """A residue of 1e-9 over a standard deviation of 0 plus 1e-8 would be an advantage of 0.1 out of nothing."""
    values = torch.full((rows,), value, dtype=dtype, requires_grad=True)
    index = torch.zeros(rows, dtype=torch.int64)
    assert segment.mean(values, index, 1).item() == values[0].item()
    std = segment.std(values, index, 1)
    assert std.item() == 0.0
    assert torch.autograd.grad(std.sum(), values)[0].tolist() == [0.0] * rows
    assert segment.std(values, index, 1, ddof=0).item() == 0.0
    wanted = values[0].item() if rows > 1 else 0.0
    assert segment.leave_one_out_mean(values, index, 1).tolist() == [wanted] * rows


def test_values_worked_by_hand() -> None:
    values, index = torch.tensor([1.0, 4.0, 2.0, 6.0, 5.0]), torch.tensor([0, 2, 0, 2, 0])
    assert segment.sum(values, index, 4).tolist() == [8.0, 0.0, 10.0, 0.0]
    assert segment.mean(values, index, 3).tolist() == pytest.approx([8 / 3, 0.0, 5.0])
    assert segment.var(values, index, 3).tolist() == pytest.approx([13 / 3, 0.0, 2.0])
    assert segment.max(values, index, 3, fill=-1.0).tolist() == [5.0, -1.0, 6.0]
    assert segment.leave_one_out_mean(values, index, 3).tolist() == [3.5, 6.0, 3.0, 4.0, 1.5]
    assert segment.discounted_sum(values, index, 3, 0.5).tolist() == [3.25, 7.0, 4.5, 6.0, 5.0]
    assert segment.cumsum(values, index, 3).tolist() == [1.0, 4.0, 3.0, 10.0, 8.0]
    assert segment.quantile(values, index, 3, 0.5).tolist() == [2.0, 0.0, 5.0]
    assert segment.shift(values, index, 3, 1).tolist() == [2.0, 6.0, 5.0, 0.0, 0.0]
    assert segment.rank(values, index, 3).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("extreme", [segment.max, segment.min])
def test_ties_share_the_gradient_also_at_zero(extreme: Callable[..., Tensor]) -> None:
    for peak in (0.0, 3.0):
        values = torch.tensor([peak, peak, 5.0], dtype=F64, requires_grad=True)
        extreme(values, torch.tensor([0, 0, 1]), 3, fill=0.0).sum().backward()
        assert values.grad is not None
        assert values.grad.tolist() == [0.5, 0.5, 1.0]


def test_infinite_values_do_not_poison_their_neighbours() -> None:
    index = torch.tensor([0, 0, 1, 1, 2])
    values = torch.tensor([-math.inf, -math.inf, -math.inf, 1.0, 2.0], dtype=F64, requires_grad=True)
    out = segment.logsumexp(values, index, 3)
    assert out.tolist() == [-math.inf, 1.0, 2.0]
    assert torch.autograd.grad(out[1:].sum(), values)[0].tolist() == [0, 0, 0, 1, 1]
    assert segment.softmax(values, index, 3).tolist() == [0, 0, 0, 1, 1]
    assert segment.mean(values, index, 3).tolist() == [-math.inf, -math.inf, 2.0]
    big = torch.tensor([1e300, 1e300, -1e4, 0.0, 700.0], dtype=F64)
    assert bool(segment.softmax(big, index, 3).isfinite().all())


def test_integers_booleans_and_half_precision() -> None:
    index = torch.zeros(1001, dtype=torch.int64)
    ones = torch.ones(1001, dtype=torch.int32)
    total = segment.sum(ones, index, 1)
    assert total.dtype == torch.int32 and total.tolist() == [1001]
    assert segment.sum(ones, index, 2, where=torch.arange(1001) < 7).tolist() == [7, 0]
    assert segment.sum(ones.bool(), index, 1).tolist() == [1001]
    for function in (segment.mean, segment.max, segment.min, segment.first, segment.last):
        assert function(ones, index, 1).tolist() == [1]
    assert segment.mean(torch.tensor([0, 1]), torch.tensor([0, 0]), 1).tolist() == [0.5]
    assert segment.discounted_sum(ones[:3], index[:3], 1, 1).tolist() == [3.0, 2.0, 1.0]
    for dtype in (torch.bfloat16, torch.float16):
        assert segment.sum(ones.to(dtype), index, 1).tolist() == [1001.0]
        assert segment.mean(ones.to(dtype), index, 1).tolist() == [1.0]
        assert segment.cumsum(ones.to(dtype), index, 1)[-1].item() == 1001.0


@pytest.mark.parametrize("size", [0, 3])
@pytest.mark.parametrize("tail", [(), (2,)])
def test_no_rows(size: int, tail: tuple[int, ...]) -> None:
    values, index = torch.zeros((0, *tail)), torch.zeros(0, dtype=torch.int64)
    for name, (function, _, _, fill) in REDUCTIONS.items():
        out = function(values, index, size)
        assert out.shape == (size, *tail), name
        assert out.tolist() == torch.full((size, *tail), fill).tolist(), name
    for out in (
        segment.softmax(values, index, size),
        segment.leave_one_out_mean(values, index, size),
        segment.discounted_sum(values, index, size, 0.9),
        segment.cumsum(values, index, size),
        segment.shift(values, index, size),
    ):
        assert out.shape == values.shape
    assert segment.position(index, size).shape == segment.rank(torch.zeros(0), index, size).shape == (0,)
    if not tail:
        assert segment.quantile(values, index, size, 0.5).tolist() == [0.0] * size


def test_a_long_scan_equals_the_recursion() -> None:
    generator = torch.Generator().manual_seed(0)
    index = torch.randint(0, 40, (60_000,), generator=generator).sort().values
    index[index == 7] = 6  # an empty segment among long ones
    values = torch.randn(60_000, dtype=F64, generator=generator)
    discount = torch.rand(60_000, dtype=F64, generator=generator).mul(0.2).add(0.8)
    x, d, at = values.numpy(), discount.numpy(), index.numpy()
    wanted = x.copy()
    for row in range(len(x) - 2, -1, -1):
        if at[row] == at[row + 1]:
            wanted[row] += d[row] * wanted[row + 1]
    np.testing.assert_allclose(segment.discounted_sum(values, index, 40, discount).numpy(), wanted, atol=1e-10)
    shuffled = torch.randperm(60_000, generator=generator)
    by_row = segment.position(index[shuffled], 40)
    assert int(by_row.max()) == int(segment.count(index, 40).max()) - 1
    running = segment.cumsum(torch.ones(60_000)[shuffled], index[shuffled], 40)
    assert torch.equal(running, by_row + 1.0)


def test_rows_of_other_segments_stay_out_of_a_scan() -> None:
    index = torch.tensor([0, 0, 1, 1])
    values = torch.tensor([1.0, 2.0, math.nan, 3.0], dtype=F64, requires_grad=True)
    discount = torch.full((4,), 0.5, dtype=F64, requires_grad=True)
    out = segment.discounted_sum(values, index, 2, discount)
    assert out[:2].tolist() == [2.0, 2.0]
    grad = torch.autograd.grad(out[:2].sum(), (values, discount))
    assert grad[0].tolist() == [1.0, 1.5, 0.0, 0.0]
    assert grad[1].tolist() == [2.0, 0.0, 0.0, 0.0]


def test_shapes_are_checked_in_tests() -> None:
    """A mask of one entry would be broadcast over all rows without a word."""
    with pytest.raises(TypeCheckError):
        segment.mean(torch.ones(3), torch.zeros(3, dtype=torch.int64), 1, where=torch.tensor([True]))


def test_statistics_of_half_a_million_rows_keep_their_digits():
    # Added up one after the other in float32, these are off by 1e-4.
    values = (torch.rand(2**19, generator=torch.Generator().manual_seed(0), dtype=F64) + 3).float()
    index = torch.zeros(2**19, dtype=torch.int64)
    for name in ("sum", "mean", "var", "std"):
        function = getattr(segment, name)
        exact = function(values.double(), index, 1)
        torch.testing.assert_close(function(values, index, 1).double(), exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_the_sum_of_integers_stays_of_their_type(dtype):
    values = torch.tensor([1, 2, 4], dtype=dtype)
    for index, size in (([0, 0, 0], 1), ([0, 0, 1], 2)):
        assert segment.sum(values, torch.tensor(index), size).dtype == dtype


@pytest.mark.parametrize("by", [-9, -3, -1, 0, 1, 3, 9])
def test_a_shift_may_go_beyond_all_rows(by):
    values, index = torch.arange(1.0, 6.0), torch.tensor([0, 0, 0, 1, 1])
    rows = range(5)
    expected = [
        values[row + by].item() if 0 <= row + by < 5 and index[row + by] == index[row] else -1.0 for row in rows
    ]
    assert segment.shift(values, index, 2, by, fill=-1.0).tolist() == expected

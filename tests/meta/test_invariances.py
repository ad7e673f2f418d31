"""What pieces declare about themselves is true: every declared invariance and every ``acts_as``, on ragged groups."""

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import batches

from guerdon.advantages.standardize import Standardize
from guerdon.axes import split_name
from guerdon.batch import Batch
from guerdon.catalogue import pieces
from guerdon.errors import GuerdonError
from guerdon.piece import Filter, Piece, Transform


def with_defaults(kinds: tuple[type, ...]) -> Iterator[Piece]:
    """The pieces of these kinds that can be built from their defaults."""
    for cls in pieces().values():
        required = [f for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
        if issubclass(cls, kinds) and not required:
            with contextlib.suppress(GuerdonError):
                yield cls()


PIECES = list(with_defaults((Transform, Filter)))
INVARIANT = [piece for piece in PIECES if piece.invariant]


def subject(piece: Piece) -> str:
    """The column that the declarations are about: the first one read."""
    return piece.reads[0]


def with_subject(piece: Piece, batch: Batch) -> Batch:
    """The batch with numbers in the column that the piece is about, where it is not a reward that is there already."""
    name = subject(piece)
    if name in batch:
        return batch
    level = split_name(name)[0]
    numbers = torch.arange(batch.size(level), dtype=torch.float64)
    return batch.with_columns({name: (numbers * 7 % 5) - 2})


def changed(batch: Batch, name: str, kind: str, factors: list[float]) -> Batch:
    """The column scaled or shifted, by one number or by one per group."""
    level = split_name(name)[0]
    number = torch.tensor(factors, dtype=torch.float64)
    group = (
        batch.index(level, "group") if kind.startswith("group") else torch.zeros(batch.size(level), dtype=torch.int64)
    )
    by = number[group % len(factors)]
    return batch.with_columns({name: batch[name] * by if kind.endswith("scale") else batch[name] + by})


def result(piece: Piece, batch: Batch) -> torch.Tensor:
    state = piece.init_state()
    out = piece(batch) if state is None else piece(batch, state)  # type: ignore[operator]
    return out.double() if isinstance(out, torch.Tensor) else torch.cat([out[name].double() for name in piece.writes])


def rounded(batch: Batch, name: str) -> Batch:
    """Quarters, so that rows are equal or clearly apart and eps does not speak."""
    return batch.with_columns({name: (batch[name] * 4).round() / 4})


@pytest.mark.parametrize("piece", INVARIANT, ids=lambda piece: type(piece).__name__)
@settings(max_examples=60)
@given(batch=batches(), factors=st.lists(st.sampled_from([0.5, 2.0, 4.0]), min_size=3, max_size=3))
def test_a_declared_invariance_holds(piece, batch, factors):
    name = subject(piece)
    batch = rounded(with_subject(piece, batch), name)
    before = result(piece, batch)
    for kind in piece.invariant:
        after = result(piece, changed(batch, name, kind, factors))
        torch.testing.assert_close(
            after, before, rtol=1e-3, atol=1e-5, equal_nan=True, msg=lambda m, k=kind: f"{k}: {m}"
        )


CENTERED = [Standardize(center="group", scale="none"), Standardize(center="batch", scale="none")]
ACTING = [piece for piece in (*PIECES, *CENTERED) if piece.acts_as]


@pytest.mark.parametrize("piece", ACTING, ids=lambda piece: f"{type(piece).__name__}-{piece.acts_as}")
@given(batch=batches())
def test_what_a_piece_acts_as_is_all_it_does(piece, batch):
    name = subject(piece)
    batch = with_subject(piece, batch)
    values, out = batch[name], result(piece, batch)
    seen = values.isfinite() & out.isfinite()
    level = split_name(name)[0]
    group = batch.index(level, "group") if piece.acts_as.startswith("group") else torch.zeros_like(values).long()
    for number in group.unique().tolist():
        rows = seen & (group == number)
        if piece.acts_as.endswith("affine"):
            x, y = values[rows].double(), out[rows].double()
            far = len(x) > 1 and int((x - x[0]).abs().argmax())
            slope = (y[far] - y[0]) / (x[far] - x[0]) if far else 0.0
            assert torch.allclose(y, y[:1] + slope * (x - x[:1]), atol=1e-6) and slope >= 0
            continue
        if piece.acts_as.endswith("shift"):
            taken = (out - values)[rows]
        else:
            rows = rows & (values != 0)
            taken = (out / values)[rows]
        if len(taken):
            assert torch.allclose(taken, taken[:1].expand_as(taken), atol=1e-6)

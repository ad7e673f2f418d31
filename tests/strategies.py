"""Shared hypothesis strategies: ragged segments, batches with unscored rewards, pieces of the catalogue."""

import dataclasses
import math
import types
import typing
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from hypothesis import reject
from hypothesis import strategies as st
from torch import Tensor

from guerdon.batch import Batch
from guerdon.describe import field_types
from guerdon.errors import GuerdonError
from guerdon.specs import pieces_of

NUMBERS = st.floats(-8, 8, width=32).map(lambda x: 0.0 if abs(x) < 1e-3 else x)
"""Moderate numbers, ties with 0 included."""


@dataclass(frozen=True)
class Ragged:
    """Rows in segments: ``values`` float64 ``[child, ...]``, ``index`` ``[child]``, ``where`` boolean or None."""

    values: Tensor
    index: Tensor
    size: int
    where: Tensor | None

    def rows(self, segment: int) -> list[int]:
        """Numbers of the rows of a segment that are not masked, in row order."""
        return [
            row
            for row, at in enumerate(self.index.tolist())
            if at == segment and (self.where is None or bool(self.where[row]))
        ]


@st.composite
def ragged(draw: Any, masks: bool = True, trailing: tuple[int, ...] | None = None, ties: bool = False) -> Ragged:
    """0 to 14 rows in 0 to 5 segments, in any order, some empty; with ``masks`` maybe a mask over NaN rows."""
    size = draw(st.integers(0, 5))
    index = draw(st.lists(st.integers(0, size - 1), max_size=14)) if size else []
    index = sorted(index) if draw(st.booleans()) else index
    tail = draw(st.sampled_from([(), (2,), (2, 3)])) if trailing is None else trailing
    count = len(index) * int(torch.tensor(tail).prod()) if tail else len(index)
    number = st.sampled_from([-1.0, 0.0, 2.0]) if ties else NUMBERS
    values = torch.tensor(draw(st.lists(number, min_size=count, max_size=count)), dtype=torch.float64)
    values = values.reshape(len(index), *tail)
    where = None
    if masks and draw(st.booleans()):
        where = torch.tensor(draw(st.lists(st.booleans(), min_size=len(index), max_size=len(index))), dtype=torch.bool)
        values = torch.where(where.reshape(-1, *[1] * len(tail)), values, torch.nan)
    return Ragged(values, torch.tensor(index, dtype=torch.int64), size, where)


def index_of(counts: list[int]) -> Tensor:
    """Sorted index array of consecutive segments with these numbers of rows."""
    return torch.arange(len(counts)).repeat_interleave(torch.tensor(counts, dtype=torch.int64))


def batch_of(
    trajs_per_group: list[int],
    steps_per_traj: list[int] | None = None,
    tokens_per_step: list[int] | None = None,
    columns: dict[str, Any] | None = None,
) -> Batch:
    """A batch of this shape; one step per trajectory by default, and no tokens unless given."""
    steps = [1] * sum(trajs_per_group) if steps_per_traj is None else steps_per_traj
    return Batch.build(
        columns or {},
        step_of_token=None if tokens_per_step is None else index_of(tokens_per_step),
        traj_of_step=index_of(steps),
        group_of_traj=index_of(trajs_per_group),
        groups=len(trajs_per_group),
    )


@st.composite
def batches(
    draw: Any,
    *,
    tokens: bool | None = None,
    unscored: bool = True,
    empty: bool = True,
    min_groups: int = 0,
    dtype: torch.dtype = torch.float64,
) -> Batch:
    """Batches of 0 to 4 ragged groups with rewards.

    Columns: ``traj.reward`` and its only component ``traj.reward/task`` (NaN where unscored), ``traj.text`` (list),
    ``group.problem_id``, ``action.row`` (the row's number, int64) and ``action.behavior_logprob``.

    Args:
        draw: given by hypothesis.
        tokens: whether there is a token level; None draws it.
        unscored: whether some rewards may be NaN.
        empty: whether groups, trajectories and steps may be empty.
        min_groups: smallest number of groups.
        dtype: of the float columns.
    """
    least = 0 if empty else 1
    tokens = draw(st.booleans()) if tokens is None else tokens
    counts = lambda n: draw(st.lists(st.integers(least, 3), min_size=n, max_size=n))  # noqa: E731
    groups = draw(st.lists(st.integers(least, 4), min_size=min_groups, max_size=4))
    steps = counts(sum(groups))
    words = counts(sum(steps)) if tokens else None
    batch = batch_of(groups, steps, words)
    rows, trajs = batch.size("action"), batch.size("traj")
    number = st.one_of(st.sampled_from([0.0, 1.0]), NUMBERS)
    reward = torch.tensor(draw(st.lists(number, min_size=trajs, max_size=trajs)), dtype=dtype)
    if unscored:
        lost = draw(st.lists(st.sampled_from([False, False, True]), min_size=trajs, max_size=trajs))
        reward = torch.where(torch.tensor(lost, dtype=torch.bool), torch.nan, reward)
    logprob = draw(st.lists(st.floats(-5, 0, width=32), min_size=rows, max_size=rows))
    return batch.with_columns(
        {
            "traj.reward/task": reward,
            "traj.reward": reward,
            "traj.text": [f"text {row}" for row in range(trajs)],
            "group.problem_id": torch.arange(len(groups)),
            "action.row": torch.arange(rows),
            "action.behavior_logprob": torch.tensor(logprob, dtype=dtype),
        }
    )


def value_of(hint: Any) -> st.SearchStrategy[Any]:
    """Values that fit an annotation of a piece's field; other annotations give nothing."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint in (None, type(None)):
        return st.none()
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(-1, 9)
    if hint is float:
        return st.one_of(st.sampled_from([0.0, 0.5, 1.0, -1.0, math.inf]), st.floats(allow_nan=False))
    if hint is str:
        return st.sampled_from(["traj.reward", "piece", "ä\n"]) | st.text(max_size=4)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([value_of(option) for option in arguments])
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        item = value_of(arguments[0])
        return st.just(()) if item.is_empty else st.lists(item, max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(value_of, arguments))
    if origin is dict:
        return st.dictionaries(st.sampled_from(["piece", "value", "a b"]), value_of(arguments[1]), max_size=2)
    if hint is Any:
        return st.one_of(st.none(), st.integers(-3, 3), st.text(max_size=3), st.tuples(st.just({"piece": 1})))
    if isinstance(hint, type) and pieces_of(hint):
        return st.deferred(lambda: some_piece(hint))
    return st.nothing()


@cache
def some_piece(kind: type) -> st.SearchStrategy[Any]:
    """Pieces of a kind: any class of the catalogue, with any fields that it accepts, else with its defaults."""
    return st.one_of([built(cls) for cls in pieces_of(kind).values()])


@st.composite
def built(draw: Any, cls: Any) -> Any:
    """A piece of a class: some of its fields drawn, as far as it accepts them."""
    fields = {item.name: item for item in dataclasses.fields(cls) if item.init}
    needed = [n for n, item in fields.items() if item.default is item.default_factory is dataclasses.MISSING]
    chosen = sorted({*needed, *draw(st.lists(st.sampled_from(sorted(fields)), max_size=3))} if fields else needed)
    hints = field_types(cls)
    values = {name: draw(value_of(hints[name])) for name in chosen}
    try:
        return cls(**values)
    except GuerdonError:
        reject()

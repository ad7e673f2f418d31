"""What travels: four tables of named columns (token, step, traj, group) and index arrays between them.

A batch is packed, never padded. Level ``token`` is absent in domains without tokens. Each level's
rows are ordered by their parent, and every row has a parent, so a segment is a contiguous run.

Two verbs move between levels: ``up`` reduces, ``down`` spreads. A batch is immutable: pieces return
new columns and ``with_columns`` gives the next batch. Reading a column at a finer level than it was
written spreads it (``action.advantage`` finds ``traj.advantage``), except rewards: a reward is a sum over
rows, so it has to be placed by a credit piece.

A column is a tensor whose first axis is the level, or a list (texts, problems, errors). Rewards are
named components, ``traj.reward/<name>``, kept apart until a shaping piece combines them into
``traj.reward``. NaN in a reward column means *unscored*, which is not zero: it takes no part in any
baseline, its advantage is 0, and it is counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from guerdon.axes import ACTION, LEVELS, RUN, is_extensive, split_name
from guerdon.errors import GuerdonError

Column = Tensor | list[Any]
Reduction = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """Named columns at four levels, and the index arrays between the levels."""

    columns: Mapping[str, Column]
    """Qualified name -> tensor ``[rows, ...]`` or list of ``rows`` items."""
    parent: Mapping[str, Tensor]
    """Child level -> int64 index of each row's parent, non-decreasing."""
    sizes: Mapping[str, int]
    """Level -> number of rows."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """What a piece may ask about the run: ``step``, ``progress`` in [0, 1], ``task``, ``seed``."""
    _ancestors: dict[tuple[str, str], Tensor] = field(default_factory=dict, init=False, repr=False)
    """What ``index`` found; a batch with other rows begins without."""
    _counts: dict[tuple[str, str], Tensor] = field(default_factory=dict, init=False, repr=False)
    """What ``count`` found."""

    @classmethod
    def build(
        cls,
        columns: Mapping[str, Column],
        *,
        step_of_token: Tensor | None = None,
        traj_of_step: Tensor,
        group_of_traj: Tensor,
        groups: int | None = None,
        run: Mapping[str, Any] | None = None,
    ) -> "Batch":
        """Check and build a batch.

        Raises:
            GuerdonError: if an index array is not sorted or out of range, or a column's length is not its level's.
        """
        parent = {"step": traj_of_step, "traj": group_of_traj}
        if step_of_token is not None:
            parent["token"] = step_of_token
        for child, index in parent.items():
            if not isinstance(index, Tensor) or index.dtype != torch.int64 or index.dim() != 1:
                got = f"{index.dtype} of shape {tuple(index.shape)}" if isinstance(index, Tensor) else type(index)
                raise GuerdonError(f"{_above(child)}_of_{child} must be a 1-D int64 tensor, got {got}")
        sizes = {level: len(index) for level, index in parent.items()}
        last = int(group_of_traj[-1]) + 1 if len(group_of_traj) else 0
        sizes["group"] = last if groups is None else groups
        for child, index in parent.items():
            above, rows = _above(child), sizes[_above(child)]
            if len(index) and (int(index[0]) < 0 or int(index[-1]) >= rows or bool((index.diff() < 0).any())):
                raise GuerdonError(
                    f"{above}_of_{child} must be sorted and name one of the {rows} rows of level {above}, "
                    f"got {int(index.min())} to {int(index.max())}; sort the rows by their parent"
                )
        return cls({}, parent, sizes, dict(run or {})).with_columns(columns)

    @property
    def action(self) -> str:
        """The finest level: ``token`` if there is one, else ``step``."""
        return "token" if "token" in self.sizes else "step"

    def size(self, level: str) -> int:
        """Number of rows of a level (``action`` allowed)."""
        return self.sizes[self._level(level)]

    def _level(self, level: str) -> str:
        return self.action if level == ACTION else level

    def _name(self, name: str) -> str:
        level, column = split_name(name)
        return f"{self._level(level)}.{column}"

    def _find(self, name: str) -> str | None:
        """The stored column that a read of ``name`` means: at its level, or a coarser one if it may be spread."""
        level, column = split_name(name)
        level = self._level(level)
        if (exact := f"{level}.{column}") in self.columns:
            return exact
        if level not in self.sizes or is_extensive(column):
            return None
        coarser = LEVELS[LEVELS.index(level) + 1 :]
        return next((found for at in coarser if (found := f"{at}.{column}") in self.columns), None)

    def __contains__(self, name: str) -> bool:
        level, column = split_name(name)
        return column in self.run if level == RUN else self._find(name) is not None

    def __getitem__(self, name: str) -> Any:
        """The column of a qualified name, spread down if it was written at a coarser level.

        Raises:
            GuerdonError: if there is no such column; the message lists those of the level.
        """
        level, column = split_name(name)
        if level == RUN and column in self.run:
            return self.run[column]
        found = None if level == RUN else self._find(name)
        if found is None:
            have = sorted(self.run) if level == RUN else self.names(level)
            raise GuerdonError(
                f"the batch has no column {name!r}; at level {level} it has {', '.join(have) or 'none'}"
                f"{self._not_spread(level, column)}"
            )
        stored, written = self.columns[found], found.partition(".")[0]
        if written == self._level(level):
            return stored
        if isinstance(stored, Tensor):
            return self.down(stored, written, level)
        return [stored[row] for row in self.index(level, written).tolist()]

    def level_of(self, name: str) -> str:
        """The level at which a read of ``name`` finds a column, before it is spread.

        Raises:
            GuerdonError: if there is no such column.
        """
        found = self._find(name)
        return found.partition(".")[0] if found else self[name]

    def _not_spread(self, level: str, column: str) -> str:
        """The end of an error message if there is such a reward at a coarser level."""
        coarser = LEVELS[LEVELS.index(self._level(level)) + 1 :] if is_extensive(column) else ()
        found = [f"{at}.{column}" for at in coarser if f"{at}.{column}" in self.columns]
        return f"; {found[0]} is not spread, because it is a sum: place it with a credit piece" if found else ""

    def names(self, level: str, prefix: str = "") -> list[str]:
        """Sorted column names of a level, without the level, that start with ``prefix``."""
        start = f"{self._level(level)}.{prefix}"
        return sorted(name.partition(".")[2] for name in self.columns if name.startswith(start))

    def with_columns(self, columns: Mapping[str, Column]) -> "Batch":
        """A batch with these columns added or replaced.

        Raises:
            GuerdonError: if a column is neither a tensor nor a list, or not as long as its level.
        """
        added = {}
        for name, column in columns.items():
            full = self._name(name)
            level = full.partition(".")[0]
            if level not in self.sizes:
                fix = "use with_run" if level == RUN else f"this batch has {', '.join(self.sizes)}"
                raise GuerdonError(f"column {full!r} must be of a level that the batch has, got {level}; {fix}")
            if not isinstance(column, (Tensor, list)) or (isinstance(column, Tensor) and not column.dim()):
                got = "a tensor without axes" if isinstance(column, Tensor) else type(column).__name__
                raise GuerdonError(f"column {full!r} must be a tensor with one row per {level}, or a list, got {got}")
            if len(column) != self.sizes[level]:
                raise GuerdonError(
                    f"column {full!r} must have {self.sizes[level]} rows, one per {level}, got {len(column)}"
                )
            added[full] = column
        return self._same_rows(columns={**self.columns, **added})

    def with_run(self, **facts: Any) -> "Batch":
        """A batch whose ``run.*`` values include ``facts``."""
        return self._same_rows(run={**self.run, **facts})

    def _same_rows(self, **changes: Any) -> "Batch":
        changed = replace(self, **changes)
        changed._ancestors.update(self._ancestors)
        changed._counts.update(self._counts)
        return changed

    def index(self, child: str, parent: str) -> Tensor:
        """The row of ``parent`` that each row of ``child`` belongs to, ``[child]``.

        Raises:
            GuerdonError: if ``parent`` is finer than ``child``, or the batch lacks one of them.
        """
        low, high = self._level(child), self._level(parent)
        if low not in self.sizes or high not in self.sizes or LEVELS.index(low) > LEVELS.index(high):
            raise GuerdonError(
                f"a row's parent must be of a coarser level of the batch ({' < '.join(self._levels())}), "
                f"got the {high} of a {low}"
            )
        if low == high:
            return torch.arange(self.sizes[low], device=self.device)
        if (low, high) not in self._ancestors:
            rows, at = self.parent[low], low
            while (at := _above(at)) != high:
                rows = self.parent[at].index_select(0, rows)
            self._ancestors[low, high] = rows
        return self._ancestors[low, high]

    def count(self, child: str, parent: str) -> Tensor:
        """How many rows of ``child`` each row of ``parent`` has, ``[parent]``, int64."""
        low, high = self._level(child), self._level(parent)
        if (low, high) not in self._counts:
            # Rows are sorted by their parent, so those of one parent end where a search for the next begins.
            bounds = torch.arange(self.size(high) + 1, device=self.device)
            self._counts[low, high] = torch.searchsorted(self.index(low, high), bounds).diff()
        return self._counts[low, high]

    def _levels(self) -> list[str]:
        """The levels of the batch, finest first."""
        return [level for level in LEVELS if level in self.sizes]

    def up(self, values: Tensor, reduction: Reduction, child: str, parent: str, **options: Any) -> Tensor:
        """Reduce ``[child, ...]`` to ``[parent, ...]`` with a function of ``segment.py``."""
        return reduction(values, self.index(child, parent), self.size(parent), **options)

    def down(self, values: Tensor, parent: str, child: str) -> Tensor:
        """Spread ``[parent, ...]`` to ``[child, ...]``."""
        if self._level(parent) == self._level(child):
            return values
        return values.index_select(0, self.index(child, parent))

    @property
    def device(self) -> torch.device:
        """Where the index arrays live."""
        return self.parent["traj"].device

    def to(self, device: torch.device | str) -> "Batch":
        """The batch with every tensor on ``device``."""
        move = lambda column: column.to(device) if isinstance(column, Tensor) else column  # noqa: E731
        return replace(
            self,
            columns={name: move(column) for name, column in self.columns.items()},
            parent={name: index.to(device) for name, index in self.parent.items()},
        )

    def select(self, level: str, keep: Tensor) -> "Batch":
        """The rows of ``level`` where ``keep`` (boolean) holds, with all below them and the parents still used.

        Order is kept. Of the levels above, rows that are left without a child are dropped (a group whose
        trajectories are all gone, or that had none); of those below, rows without children stay.

        Raises:
            GuerdonError: if ``keep`` is no boolean tensor with one entry per row of ``level``.
        """
        level = self._level(level)
        if keep.dtype != torch.bool or keep.shape != (self.size(level),):
            raise GuerdonError(
                f"a selection must be boolean with one entry for each of {self.size(level)} rows of level {level}, "
                f"got {keep.dtype} of shape {tuple(keep.shape)}"
            )
        masks, levels = {level: keep.to(self.device)}, self._levels()
        at = levels.index(level)
        for child in reversed(levels[:at]):
            masks[child] = masks[_above(child)].index_select(0, self.parent[child])
        for low, high in zip(levels[at:], levels[at + 1 :], strict=False):
            used = torch.zeros(self.sizes[high], dtype=torch.bool, device=self.device)
            used[self.parent[low][masks[low]]] = True
            masks[high] = used
        return self._restrict(masks)

    def _restrict(self, masks: Mapping[str, Tensor]) -> "Batch":
        rows = {level: mask.nonzero().squeeze(1) for level, mask in masks.items()}
        renumber = {level: torch.cumsum(mask, 0) - 1 for level, mask in masks.items()}
        parent = {
            child: renumber[_above(child)].index_select(0, index.index_select(0, rows[child]))
            for child, index in self.parent.items()
        }
        columns = {}
        for name, column in self.columns.items():
            chosen = rows[name.partition(".")[0]]
            columns[name] = (
                column.index_select(0, chosen) if isinstance(column, Tensor) else [column[i] for i in chosen.tolist()]
            )
        sizes = {level: len(chosen) for level, chosen in rows.items()}
        return replace(self, columns=columns, parent=parent, sizes=sizes)


def _above(level: str) -> str:
    """The level of a level's parents."""
    return LEVELS[LEVELS.index(level) + 1]


def concat(batches: Sequence[Batch]) -> Batch:
    """Put batches below one another. Groups stay apart; the first batch's ``run`` is kept.

    Raises:
        GuerdonError: if there is no batch, or they do not have the same levels and columns.
    """
    if not batches:
        raise GuerdonError("batches to concatenate must be at least one, got none")
    first = batches[0]
    for other in batches[1:]:
        if odd := sorted({*first.sizes, *first.columns} ^ {*other.sizes, *other.columns}):
            raise GuerdonError(
                f"batches to concatenate must have the same levels and columns, these differ: {', '.join(odd)}"
            )
    parent = {}
    for child in first.parent:
        offset, indices = 0, []
        for batch in batches:
            indices.append(batch.parent[child] + offset)
            offset += batch.sizes[_above(child)]
        parent[child] = torch.cat(indices)
    columns = {name: _joined(name, [batch.columns[name] for batch in batches]) for name in first.columns}
    sizes = {level: sum(batch.sizes[level] for batch in batches) for level in first.sizes}
    return replace(first, columns=columns, parent=parent, sizes=sizes)


def _joined(name: str, parts: Sequence[Column]) -> Column:
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if not tensors:
        return [item for part in parts for item in part]
    if len({tuple(part.shape[1:]) if isinstance(part, Tensor) else None for part in parts}) > 1:
        got = ", ".join(str(tuple(part.shape)) if isinstance(part, Tensor) else "a list" for part in parts)
        raise GuerdonError(f"column {name!r} must have rows of one shape in all batches, got {got}")
    return torch.cat(tensors)

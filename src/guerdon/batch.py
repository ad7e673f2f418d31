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
        last = int(group_of_traj[-1]) + 1 if len(group_of_traj) else 0
        sizes = {level: len(index) for level, index in parent.items()}
        sizes["group"] = last if groups is None else groups
        for child, index in parent.items():
            above = LEVELS[LEVELS.index(child) + 1]
            if index.dtype != torch.int64 or index.dim() != 1:
                raise GuerdonError(
                    f"{above}_of_{child} must be a 1-D int64 tensor, got {index.dtype} of shape {tuple(index.shape)}"
                )
            if len(index) and (int(index[0]) < 0 or int(index[-1]) >= sizes[above] or bool((index.diff() < 0).any())):
                raise GuerdonError(
                    f"{above}_of_{child} must be sorted and lie in 0..{sizes[above] - 1}; sort the rows by their parent"
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
        for candidate in LEVELS[LEVELS.index(level) :]:
            if f"{candidate}.{column}" in self.columns:
                return f"{candidate}.{column}"
            if is_extensive(column):
                return None
        return None

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
            raise GuerdonError(f"the batch has no column {name!r}; at level {level} it has {', '.join(have) or 'none'}")
        stored, written = self.columns[found], found.partition(".")[0]
        if written == self._level(level):
            return stored
        if isinstance(stored, Tensor):
            return self.down(stored, written, level)
        return [stored[row] for row in self.index(level, written).tolist()]

    def names(self, level: str, prefix: str = "") -> list[str]:
        """Sorted column names of a level, without the level, that start with ``prefix``."""
        start = f"{self._level(level)}.{prefix}"
        return sorted(name.partition(".")[2] for name in self.columns if name.startswith(start))

    def with_columns(self, columns: Mapping[str, Column]) -> "Batch":
        """A batch with these columns added or replaced.

        Raises:
            GuerdonError: if a column's length is not the number of rows of its level.
        """
        added = {}
        for name, column in columns.items():
            full = self._name(name)
            level = full.partition(".")[0]
            rows = self.sizes.get(level)
            got = column.shape[0] if isinstance(column, Tensor) and column.dim() else len(column)
            if rows is None or got != rows:
                raise GuerdonError(f"column {full!r} must have {rows} rows, one per {level}, got {got}")
            added[full] = column
        return replace(self, columns={**self.columns, **added})

    def with_run(self, **facts: Any) -> "Batch":
        """A batch whose ``run.*`` values include ``facts``."""
        return replace(self, run={**self.run, **facts})

    def index(self, child: str, parent: str) -> Tensor:
        """The row of ``parent`` that each row of ``child`` belongs to, ``[child]``."""
        low, high = self._level(child), self._level(parent)
        if low == high:
            return torch.arange(self.sizes[low], device=self.device)
        level = low
        rows = self.parent[level]
        while LEVELS[LEVELS.index(level) + 1] != high:
            level = LEVELS[LEVELS.index(level) + 1]
            rows = self.parent[level][rows]
        return rows

    def up(self, values: Tensor, reduction: Reduction, child: str, parent: str, **options: Any) -> Tensor:
        """Reduce ``[child, ...]`` to ``[parent, ...]`` with a function of ``segment.py``."""
        return reduction(values, self.index(child, parent), self.size(parent), **options)

    def down(self, values: Tensor, parent: str, child: str) -> Tensor:
        """Spread ``[parent, ...]`` to ``[child, ...]``."""
        return values[self.index(child, parent)]

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

        Order is kept. Parents left without children are dropped, except that a level above ``level``
        keeps only rows that still have one.
        """
        level = self._level(level)
        masks = {level: keep.to(self.device)}
        levels = [name for name in LEVELS if name in self.sizes]
        at = levels.index(level)
        for child in reversed(levels[:at]):
            masks[child] = masks[levels[levels.index(child) + 1]][self.parent[child]]
        for low, high in zip(levels[at:], levels[at + 1 :], strict=False):
            used = torch.zeros(self.sizes[high], dtype=torch.bool, device=self.device)
            used[self.parent[low][masks[low]]] = True
            masks[high] = used
        return self._restrict(masks)

    def _restrict(self, masks: Mapping[str, Tensor]) -> "Batch":
        rows = {level: mask.nonzero().squeeze(1) for level, mask in masks.items()}
        renumber = {level: torch.cumsum(mask, 0) - 1 for level, mask in masks.items()}
        parent = {
            child: renumber[LEVELS[LEVELS.index(child) + 1]][index[rows[child]]] for child, index in self.parent.items()
        }
        columns = {}
        for name, column in self.columns.items():
            chosen = rows[name.partition(".")[0]]
            columns[name] = column[chosen] if isinstance(column, Tensor) else [column[i] for i in chosen.tolist()]
        sizes = {level: len(chosen) for level, chosen in rows.items()}
        return replace(self, columns=columns, parent=parent, sizes=sizes)


def concat(batches: Sequence[Batch]) -> Batch:
    """Put batches below one another. Groups stay apart; the first batch's ``run`` is kept.

    Raises:
        GuerdonError: if the batches do not have the same columns.
    """
    first = batches[0]
    names = set(first.columns)
    for other in batches[1:]:
        if set(other.columns) != names:
            odd = sorted(names ^ set(other.columns))
            raise GuerdonError(f"batches to concatenate must have the same columns, these differ: {', '.join(odd)}")
    parent = {}
    for child in first.parent:
        above = LEVELS[LEVELS.index(child) + 1]
        offset, parts = 0, []
        for batch in batches:
            parts.append(batch.parent[child] + offset)
            offset += batch.sizes[above]
        parent[child] = torch.cat(parts)
    columns: dict[str, Column] = {}
    for name, column in first.columns.items():
        parts = [batch.columns[name] for batch in batches]
        columns[name] = torch.cat(parts) if isinstance(column, Tensor) else [item for part in parts for item in part]
    sizes = {level: sum(batch.sizes[level] for batch in batches) for level in first.sizes}
    return replace(first, columns=columns, parent=parent, sizes=sizes)

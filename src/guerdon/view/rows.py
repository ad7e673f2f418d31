"""The stored rollouts of many runs as one table of numbers, a row per trajectory.

Idea
    Only columns of numbers are read, step by step, and kept as arrays of 4 bytes; texts and tokens stay on the disk
    until somebody looks at them (``texts.py``, ``rollout.py``). Where the tokens and steps of a trajectory lie in their
    files is kept too, so that one rollout is opened without reading its neighbours.
Maths
    ``duplicate``: responses of the group that equal this one, itself left out. ``signal``: whether the group has two
    different rewards. ``advantage``: that of the trajectory, or the mean of its actions'. ``length``: its actions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet as parquet

from guerdon.errors import GuerdonError

# These are made when pyarrow is imported, which a type checker cannot see.
fill_null, match_substring, min_max = (
    getattr(pyarrow.compute, name) for name in ("fill_null", "match_substring", "min_max")
)

MISSING = -(2**31)
"""What stands in a column of ints where there is no value."""
UNKNOWN = 2
"""What stands in a column of bools where there is no value."""
DTYPES = {"int": np.int32, "float": np.float32, "bool": np.uint8, "label": np.int32}
FILL: dict[str, Any] = {"int": MISSING, "float": np.nan, "bool": UNKNOWN, "label": 0}
FIRST = ("run", "step", "group", "traj", "problem", "reward")
DERIVED = ("advantage", "length", "truncated", "unscored", "duplicate", "signal", "error")
LABEL = 120
"""Characters of an error that make its label."""
LABELS = 500
"""Different errors that are told apart; those beyond are one label."""

Numbers = dict[str, tuple[str, np.ndarray]]
"""Name -> kind and values."""


@dataclass(frozen=True)
class Part:
    """The trajectories of one stored step of one run."""

    run: int
    step: int
    folder: Path
    rows: int
    numbers: Numbers
    errors: list[str]
    """One label per row; empty where there is none."""
    group: np.ndarray
    """``[rows]``: number of the group inside of the step."""
    first_step: np.ndarray
    """``[rows + 1]``: where the steps of each trajectory begin in ``step.parquet``."""
    first_token: np.ndarray | None
    """``[rows + 1]``: the same for ``token.parquet``; None where there are no tokens."""


def read_part(run: int, step: int, folder: Path) -> Part:
    """Read the numbers of one ``rollouts/step_*`` folder.

    Raises:
        GuerdonError: if its files cannot be read.
    """
    try:
        return _read_part(run, step, folder)
    except (OSError, pyarrow.ArrowException, KeyError) as error:
        raise GuerdonError(f"{folder} must hold rollouts as a run stores them: {str(error)[:200]}") from None


def _read_part(run: int, step: int, folder: Path) -> Part:
    path = folder / "traj.parquet"
    counted = "duplicate" in parquet.read_schema(path).names
    traj = read_scalars(path, also=("reward_error",) if counted else ("reward_error", "response"))
    group, steps = read_scalars(folder / "group.parquet"), read_scalars(folder / "step.parquet")
    group_of_traj = whole(traj["group_of_traj"])
    first_step = starts(whole(steps["traj_of_step"]), traj.num_rows)
    actions, first_action, first_token = steps, first_step, None
    if (folder / "token.parquet").exists():
        actions = read_scalars(folder / "token.parquet", only=("step_of_token", "advantage"))
        first_action = first_token = starts(whole(actions["step_of_token"]), steps.num_rows)[first_step]
    numbers: Numbers = {name: as_numbers(traj[name]) for name in numeric(traj)}
    for name in numeric(group):
        kind, values = as_numbers(group[name])
        numbers["problem" if name == "problem_id" else f"group.{name}"] = (kind, values[group_of_traj])
    for name in numeric(steps):
        if (name == "reward" or name.startswith("reward/")) and name not in numbers:
            numbers[name] = ("float", sums(as_numbers(steps[name])[1], first_step).astype(np.float32))
    if "advantage" not in numbers and "advantage" in numeric(actions):
        numbers["advantage"] = ("float", means(as_numbers(actions["advantage"])[1], first_action).astype(np.float32))
    numbers["length"] = ("int", np.diff(first_action).astype(np.int32))
    numbers |= places(run, step, group_of_traj) | compared(numbers, group_of_traj, group.num_rows)
    if not counted and "response" in traj.column_names:
        numbers["duplicate"] = ("int", duplicates(traj["response"], group_of_traj).astype(np.int32))
    errors = [""] * traj.num_rows
    if "reward_error" in traj.column_names and pyarrow.types.is_string(traj["reward_error"].type):
        errors = [short(text) for text in traj["reward_error"].to_pylist()]
    return Part(run, step, folder, traj.num_rows, numbers, errors, group_of_traj, first_step, first_token)


def places(run: int, step: int, group: np.ndarray) -> Numbers:
    """The columns that say which rollout a row is."""
    rows = len(group)
    return {
        "run": ("int", np.full(rows, run, np.int32)),
        "step": ("int", np.full(rows, step, np.int32)),
        "group": ("int", group.astype(np.int32)),
        "traj": ("int", np.arange(rows, dtype=np.int32)),
    }


def compared(numbers: Numbers, group: np.ndarray, groups: int) -> Numbers:
    """The columns that follow from the rewards of a group."""
    if "reward" not in numbers:
        return {}
    reward = numbers["reward"][1].astype(np.float32)
    return {
        "unscored": ("bool", np.isnan(reward).astype(np.uint8)),
        "signal": ("bool", signal(reward, group, groups)[group].astype(np.uint8)),
    }


def read_scalars(path: Path, also: Sequence[str] = (), only: Sequence[str] | None = None) -> pyarrow.Table:
    """The columns of a file that hold one number per row, and those of ``also``; of ``only``, those that are there."""
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        names = [name for name in schema.names if is_number(schema.field(name).type) or name in also]
        if only is not None:
            names = [name for name in names if name in only]
        return file.read(columns=names, use_threads=False)


def is_number(type: pyarrow.DataType) -> bool:
    """Whether a column of this type has one number per row."""
    return pyarrow.types.is_integer(type) or pyarrow.types.is_floating(type) or pyarrow.types.is_boolean(type)


INDEX = ("run_step", "token", "step", "traj", "group", "step_of_token", "traj_of_step", "group_of_traj")
"""Columns of a file that say where a row is, not what it holds."""


def numeric(table: pyarrow.Table) -> list[str]:
    """Columns of numbers, those that say where a row is left out."""
    return [name for name in table.column_names if name not in INDEX and is_number(table.schema.field(name).type)]


def whole(column: pyarrow.ChunkedArray) -> np.ndarray:
    """A column without gaps as an array."""
    return column.to_numpy()


def as_numbers(column: pyarrow.ChunkedArray) -> tuple[str, np.ndarray]:
    """Kind (int, float or bool) and values of 4 or 1 bytes; integers that need more than 4 bytes become floats."""
    if pyarrow.types.is_boolean(column.type):
        return "bool", fill_null(column.cast(pyarrow.uint8()), UNKNOWN).to_numpy()
    if pyarrow.types.is_integer(column.type):
        ends = min_max(column).as_py()
        if ends["min"] is None or (ends["min"] > MISSING and ends["max"] < 2**31):
            return "int", fill_null(column.cast(pyarrow.int64()), MISSING).to_numpy().astype(np.int32)
    return "float", column.to_numpy().astype(np.float32)


def starts(parents: np.ndarray, count: int) -> np.ndarray:
    """``[count + 1]``: where the children of each parent begin; ``parents`` is sorted."""
    return np.searchsorted(parents, np.arange(count + 1))


def sums(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Sum of each segment that begins at ``first``; NaN where it holds one."""
    total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(values.astype(np.float64), nan=0.0))])
    missing = np.concatenate([[0], np.cumsum(np.isnan(values))])
    return np.where(missing[first[1:]] > missing[first[:-1]], np.nan, total[first[1:]] - total[first[:-1]])


def means(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Mean of each segment; NaN where it is empty or holds one."""
    number = np.diff(first)
    return np.where(number > 0, sums(values, first) / np.maximum(number, 1), np.nan)


def signal(reward: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """``[groups]``: whether a group has two different rewards among those that were scored."""
    scored = ~np.isnan(reward)
    low, high = np.full(groups, np.inf), np.full(groups, -np.inf)
    np.minimum.at(low, group[scored], reward[scored])
    np.maximum.at(high, group[scored], reward[scored])
    return high > low


def duplicates(responses: pyarrow.ChunkedArray, group: np.ndarray) -> np.ndarray:
    """How many other responses of its group equal each one."""
    if len(group) == 0:
        return np.zeros(0, np.int64)
    coded = responses.combine_chunks().dictionary_encode()
    code = fill_null(coded.indices, len(coded.dictionary)).to_numpy(zero_copy_only=False).astype(np.int64)
    _, place, count = np.unique(
        group.astype(np.int64) * (len(coded.dictionary) + 1) + code, return_inverse=True, return_counts=True
    )
    return count[place.reshape(-1)] - 1


def short(error: str | None) -> str:
    """The label of an error: its first line, cut."""
    line = (error or "").strip().partition("\n")[0]
    return line if len(line) <= LABEL else f"{line[: LABEL - 3]}..."


@dataclass(frozen=True)
class Rows:
    """The rows of all parts, numbered in their order."""

    parts: Sequence[Part] = ()
    _columns: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    @cached_property
    def offsets(self) -> np.ndarray:
        """``[parts + 1]``: the number of each part's first row."""
        return np.concatenate([[0], np.cumsum([part.rows for part in self.parts], dtype=np.int64)]).astype(np.int64)

    def __len__(self) -> int:
        return int(self.offsets[-1])

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Column -> kind, in the order in which a table shows them."""
        found: dict[str, str] = {}
        for part in self.parts:
            for name, (kind, _) in part.numbers.items():
                found[name] = kind if found.get(name, kind) == kind else "float"
        components = sorted(name for name in found if name.startswith("reward/"))
        fixed = {"problem": "int", "reward": "float", "advantage": "float", "truncated": "bool", "unscored": "bool"}
        fixed |= {"run": "int", "step": "int", "group": "int", "traj": "int", "length": "int"}
        fixed |= {"duplicate": "int", "signal": "bool", "error": "label"}
        order = [*FIRST, *components, *DERIVED]
        order += [name for name in sorted(found) if name not in order]
        return {name: found.get(name) or fixed[name] for name in order}

    @property
    def components(self) -> list[str]:
        """Names of the reward's components."""
        return [name.removeprefix("reward/") for name in self.kinds if name.startswith("reward/")]

    @cached_property
    def labels(self) -> list[str]:
        """The errors there are, the empty one first, then by falling number."""
        count: dict[str, int] = {}
        for part in self.parts:
            for text in part.errors:
                count[text] = count.get(text, 0) + 1
        count.pop("", None)
        common = sorted(count, key=lambda text: (-count[text], text))
        return ["", *common[:LABELS], *(["(other errors)"] if len(common) > LABELS else [])]

    def column(self, name: str) -> np.ndarray:
        """A column over all rows.

        Raises:
            GuerdonError: if there is none of that name.
        """
        if name not in self.kinds:
            raise GuerdonError(f"a column must be one of {', '.join(self.kinds)}, got {name!r}")
        if name not in self._columns:
            self._columns[name] = self._error() if name == "error" else self._joined(name)
        return self._columns[name]

    def _joined(self, name: str) -> np.ndarray:
        kind = self.kinds[name]
        out = np.full(len(self), FILL[kind], DTYPES[kind])
        for part, start in zip(self.parts, self.offsets[:-1], strict=True):
            if name in part.numbers:
                had, values = part.numbers[name]
                if had != kind:
                    values = np.where(values == FILL[had], np.nan, values.astype(np.float32))
                out[start : start + part.rows] = values
        return out

    def _error(self) -> np.ndarray:
        code = {text: number for number, text in enumerate(self.labels)}
        other = len(self.labels) - 1
        codes = [code.get(text, other) for part in self.parts for text in part.errors]
        return np.array(codes, np.int32)

    def find(self, row: int) -> tuple[Part, int]:
        """The part of a row, and its number there.

        Raises:
            GuerdonError: if there is no such row.
        """
        if not 0 <= row < len(self):
            raise GuerdonError(f"a row must be one of 0..{len(self) - 1}, got {row}")
        place = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return self.parts[place], row - int(self.offsets[place])


__all__ = ["MISSING", "UNKNOWN", "Part", "Rows", "read_part"]

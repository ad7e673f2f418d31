"""A batch as Parquet, one file per level, and back.

Idea
    ``traj.parquet`` holds the columns of level ``traj`` under their names without the level, plus ``run_step`` (the
    training step), ``traj`` (the row number) and ``group_of_traj`` (the parent's row number), so that pandas and
    DuckDB can join the four tables and read many steps at once, and ``duplicate``, which spares readers the texts. What
    Parquet does not say itself (dtypes, shapes, which list is a list of tensors) is JSON in the file's metadata, under
    ``guerdon``.
Deviations
    Lists of things other than texts, numbers and tensors are JSON texts. What JSON cannot hold is stored as its
    ``repr`` and does not come back as it was. ``run.task`` is not stored: it is in ``run.json``.
"""

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pyarrow.parquet
import torch
from torch import Tensor

from guerdon.axes import LEVELS
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Policy
from guerdon.policies.language_model import LanguageModel
from guerdon.tasks.problem import Problem

Facts = dict[str, Any]
"""What it takes to rebuild a column: its kind, and for tensors dtype and shape of a row."""

ROW_GROUP = {"token": 1 << 15, "step": 1 << 15, "traj": 512, "group": 512}
"""Level -> rows that have to be read to see one of them; those of the coarser levels hold texts."""
AS_FLOAT32 = (torch.bfloat16, torch.float16)
PLAIN = {bool: pyarrow.bool_(), int: pyarrow.int64(), float: pyarrow.float64()}


def write_batch(batch: Batch, folder: Path, run_step: int) -> None:
    """Write ``token.parquet`` ... ``group.parquet`` into an existing folder."""
    batch = batch.to("cpu")
    for level in (level for level in LEVELS if level in batch.sizes):
        rows = batch.sizes[level]
        arrays: dict[str, pyarrow.Array] = {
            "run_step": pyarrow.array(numpy.full(rows, run_step), pyarrow.int64()),
            level: pyarrow.array(numpy.arange(rows), pyarrow.int64()),
        }
        if level in batch.parent:
            arrays[parent_name(level)] = pyarrow.array(batch.parent[level].numpy())
        facts: dict[str, Facts] = {}
        for name in batch.names(level):
            if name in arrays:
                raise GuerdonError(f"a stored batch may not have a column {level}.{name}: that name is the row index")
            arrays[name], facts[name] = encode(batch.columns[f"{level}.{name}"])
        if level == "traj" and "duplicate" not in arrays and (count := _duplicates(batch)) is not None:
            arrays["duplicate"] = pyarrow.array(count, pyarrow.int64())
        run = {key: value for key, value in batch.run.items() if isinstance(value, (bool, int, float, str))}
        metadata = {"guerdon": json.dumps({"level": level, "rows": rows, "columns": facts, "run": run})}
        table = pyarrow.table(arrays).replace_schema_metadata(metadata)
        path = folder / f"{level}.parquet"
        pyarrow.parquet.write_table(table, path, compression="zstd", row_group_size=ROW_GROUP[level])


def _duplicates(batch: Batch) -> list[int] | None:
    """How many other responses of its group equal each one; None where there are no texts."""
    responses = batch.columns.get("traj.response")
    if not isinstance(responses, list):
        return None
    keys = list(zip(batch.index("traj", "group").tolist(), responses, strict=True))
    count = Counter(keys)
    return [count[key] - 1 for key in keys]


def with_texts(batch: Batch, policy: Policy) -> Batch:
    """The batch with ``token.text``, each sampled token as text, where the policy has a tokenizer.

    And ``traj.context``, where something that was not sampled stands between sampled tokens (tool results, turns of
    others): per trajectory a list of ``[position, text]``, the position being that in ``traj.input_ids``.
    """
    if not isinstance(policy, LanguageModel) or "token.id" not in batch:
        return batch
    ids = batch["token.id"].tolist()
    texts = {token: policy.tokenizer.decode([token]) for token in set(ids)}
    texts[policy.tokenizer.eos_id] = "<eos>"
    columns: dict[str, Column] = {"token.text": [texts[token] for token in ids]}
    gaps = gaps_of(batch)
    if gaps:
        sequences = batch["traj.input_ids"]
        context: list[list[Any]] = [[] for _ in sequences]
        for traj, start, end in gaps:
            context[traj].append([start, policy.tokenizer.decode(sequences[traj][start:end].tolist())])
        columns["traj.context"] = context
    return batch.with_columns(columns)


def gaps_of(batch: Batch) -> list[tuple[int, int, int]]:
    """Trajectory, start and end of the positions of ``traj.input_ids`` between two sampled tokens."""
    if "token.position" not in batch or "traj.input_ids" not in batch:
        return []
    traj, position = batch.index("token", "traj"), batch["token.position"]
    wide = (traj[1:] == traj[:-1]) & (position[1:] > position[:-1] + 1)
    rows = wide.nonzero()[:, 0]
    ends = zip(traj[rows].tolist(), position[rows].tolist(), position[rows + 1].tolist(), strict=True)
    return [(row, before + 1, after) for row, before, after in ends]


def read_tables(folder: Path) -> Batch:
    """The batch that ``write_batch`` wrote.

    Raises:
        GuerdonError: if the folder has no tables or they were written by something else.
    """
    columns: dict[str, Column] = {}
    parent: dict[str, Tensor] = {}
    groups, run = 0, {}
    for level in LEVELS:
        path = folder / f"{level}.parquet"
        if not path.exists():
            if level == "token":
                continue
            raise GuerdonError(f"{folder} must hold step.parquet, traj.parquet and group.parquet, got no {path.name}")
        table = pyarrow.parquet.read_table(path)
        metadata = (table.schema.metadata or {}).get(b"guerdon")
        if metadata is None:
            raise GuerdonError(f"{path} must have been written by guerdon, but its metadata has no key 'guerdon'")
        facts = json.loads(metadata)
        if level in LEVELS[:-1]:
            parent[level] = torch.from_numpy(table[parent_name(level)].to_numpy().copy())
        else:
            groups, run = facts["rows"], facts["run"]
        for name, what in facts["columns"].items():
            columns[f"{level}.{name}"] = decode(table[name].combine_chunks(), what)
    return Batch.build(
        columns,
        step_of_token=parent.get("token"),
        traj_of_step=parent["step"],
        group_of_traj=parent["traj"],
        groups=groups,
        run=run,
    )


def parent_name(level: str) -> str:
    """``traj_of_step`` for ``step``."""
    return f"{LEVELS[LEVELS.index(level) + 1]}_of_{level}"


def encode(column: Column) -> tuple[pyarrow.Array, Facts]:
    """An arrow array for a column, and the facts that ``decode`` needs."""
    if isinstance(column, Tensor):
        shape = list(column.shape[1:])
        facts = {"kind": "tensor", "dtype": _dtype_name(column), "shape": shape}
        flat = pyarrow.array(_numpy(column.reshape(-1)))
        if not shape:
            return flat, facts
        return _lists([column[0].numel() if len(column) else 0] * len(column), flat), facts
    kinds = {type(item) for item in column} - {type(None)}
    if kinds == {str}:
        return pyarrow.array([_utf8(item) for item in column], pyarrow.string()), {"kind": "text"}
    if len(kinds) == 1 and (kind := kinds.pop()) in PLAIN:
        try:
            return pyarrow.array(column, PLAIN[kind], from_pandas=False), {"kind": kind.__name__}
        except (OverflowError, pyarrow.ArrowInvalid):
            pass
    tensors = [item for item in column if isinstance(item, Tensor)]
    missing = sum(item is None for item in column)
    if tensors and len(tensors) + missing == len(column) and _ragged_vectors(tensors):
        flat = pyarrow.array(_numpy(torch.cat([item.cpu() for item in tensors])))
        lengths = [None if item is None else len(item) for item in column]
        return _lists(lengths, flat), {"kind": "tensors", "dtype": _dtype_name(tensors[0])}
    problems = bool(column) and all(isinstance(item, Problem) for item in column)
    texts = [_utf8(json.dumps(item, default=_plain)) for item in column]
    return pyarrow.array(texts, pyarrow.string()), {"kind": "problem" if problems else "json"}


def decode(array: Any, facts: Facts) -> Column:
    """The column that ``encode`` was given."""
    kind = facts["kind"]
    if kind == "tensor":
        values = array if not facts["shape"] else array.flatten()
        return _tensor(values, facts["dtype"]).reshape(len(array), *facts["shape"])
    if kind == "tensors":
        values = _tensor(array.flatten(), facts["dtype"])
        lengths = array.value_lengths().to_pylist()
        parts = iter(values.split([length for length in lengths if length is not None]))
        return [None if length is None else next(parts).clone() for length in lengths]
    items = array.to_pylist()
    if kind == "problem":
        return [_problem(json.loads(item)) for item in items]
    return [json.loads(item) for item in items] if kind == "json" else items


def _ragged_vectors(tensors: list[Tensor]) -> bool:
    return all(item.dim() == 1 and item.dtype == tensors[0].dtype for item in tensors)


def _lists(lengths: list[int | None], flat: pyarrow.Array) -> pyarrow.Array:
    """A list array whose rows have these lengths; None is a missing row."""
    ends = numpy.cumsum([0, *(length or 0 for length in lengths)])
    missing = pyarrow.array([length is None for length in lengths], pyarrow.bool_())
    return pyarrow.LargeListArray.from_arrays(pyarrow.array(ends, pyarrow.int64()), flat, mask=missing)


def _numpy(values: Tensor) -> numpy.ndarray:
    values = values.detach().cpu()
    return (values.float() if values.dtype in AS_FLOAT32 else values).contiguous().numpy()


def _dtype_name(values: Tensor) -> str:
    return str(values.dtype).removeprefix("torch.")


def _tensor(array: Any, dtype: str) -> Tensor:
    return torch.from_numpy(array.to_numpy(zero_copy_only=False).copy()).to(getattr(torch, dtype))


def _utf8(text: str | None) -> str | None:
    """A text without lone surrogates, which no file can hold."""
    return None if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _plain(value: Any) -> Any:
    """What ``json.dumps`` should write for something it does not know."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Tensor):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else repr(value)


def _problem(data: dict[str, Any]) -> Problem:
    prompt = data["prompt"] if isinstance(data["prompt"], str) else tuple(data["prompt"])
    return Problem(data["id"], prompt, data["answer"], data["meta"])


__all__ = ["read_tables", "with_texts", "write_batch"]

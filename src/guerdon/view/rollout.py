"""One stored rollout with everything that is known about it: what a reader opens.

Idea
    Of ``token.parquet`` and ``step.parquet`` only the rows of this trajectory are kept, from the row groups they lie in.
Maths
    ``logprob_ratio = log pi_new - log pi_behavior``, the log of the importance ratio after the update.
    ``kl = r - 1 - log r`` with ``r = pi_ref / pi_old``, an estimate of KL(old || ref) that is never negative;
    ``kl_update``: the same with ``r = pi_new / pi_behavior``, how far the update moved away from what was sampled.
    ``entropy``: of the policy before the update where it was stored, else after it.
"""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from guerdon.view.rows import FILL, Part, numeric
from guerdon.view.spans import context_spans, tool_spans, turn_spans

DIGITS, CELL = 5, 7
"""Significant digits of a token's or step's number, and of a cell of the table."""
VECTOR = 16
"""An action or observation of at most this many numbers is written out."""


def rollout(part: Part, row: int, number: int) -> dict[str, Any]:
    """The answer of ``/api/rollout`` for a row of a part; ``number`` is what the row is called outside."""
    traj = read_range(part.folder / "traj.parquet", row, row + 1, ("response", "reward_error", "context")).to_pylist()[
        0
    ]
    group_row = int(part.group[row])
    group = read_range(part.folder / "group.parquet", group_row, group_row + 1, ("prompt", "problem")).to_pylist()[0]
    values = {name: cell(kind, column[row]) for name, (kind, column) in part.numbers.items()}
    steps = _steps(part, row)
    tokens, spans = _tokens(part, row, values.get("advantage"), steps, traj)
    return {
        "row": number,
        "prompt": group.get("prompt"),
        "answer": _answer(group.get("problem")),
        "response": traj.get("response"),
        "values": values,
        "error": traj.get("reward_error") or "",
        "tokens": tokens,
        "steps": steps,
        "spans": spans,
    }


def read_range(path: Path, first: int, last: int, only: Sequence[str] | None = None) -> pyarrow.Table:
    """Rows ``first`` to ``last`` of a file, all columns or those of ``only``, from the row groups that hold them."""
    stamp = path.stat().st_mtime_ns
    there, ends = _layout(path, stamp)
    names = tuple(name for name in there if only is None or name in only)
    wanted = [at for at in range(len(ends) - 1) if ends[at] < max(last, first + 1) and ends[at + 1] > first]
    if not wanted:
        return parquet.read_schema(path).empty_table().select(names)
    table = pyarrow.concat_tables([_row_group(path, stamp, at, names) for at in wanted])
    return table.slice(first - ends[wanted[0]], last - first)


@lru_cache(maxsize=256)
def _layout(path: Path, stamp: int) -> tuple[list[str], list[int]]:
    """Columns of a file, and where its row groups begin and the last one ends."""
    with parquet.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
        return file.schema_arrow.names, list(itertools.accumulate(sizes, initial=0))


@lru_cache(maxsize=12)
def _row_group(path: Path, stamp: int, at: int, names: tuple[str, ...]) -> pyarrow.Table:
    """A row group; the last few stay, because a reader goes on to the neighbours."""
    with parquet.ParquetFile(path) as file:
        return file.read_row_group(at, columns=list(names), use_threads=False)


def cell(kind: str, value: Any) -> Any:
    """A cell of a column of numbers as JSON."""
    if kind == "float":
        return number(float(value), CELL)
    return None if value == FILL[kind] else bool(value) if kind == "bool" else int(value)


def number(value: float, digits: int = DIGITS) -> float | None:
    """A number as JSON: None where it is not finite."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def _numbers(table: pyarrow.Table) -> dict[str, list[Any]]:
    return {name: [_plain(value) for value in table[name].to_pylist()] for name in numeric(table)}


def _plain(value: Any) -> Any:
    return number(value) if isinstance(value, float) else value


def _tokens(
    part: Part, row: int, advantage: Any, steps: Mapping[str, Any], traj: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    if part.first_token is None:
        return None, []
    first, last = int(part.first_token[row]), int(part.first_token[row + 1])
    table = read_range(part.folder / "token.parquet", first, last)
    columns = _numbers(table)
    position, ids = columns.pop("position", None), columns.pop("id", None)
    turn = [int(step) - int(part.first_step[row]) for step in table["step_of_token"].to_pylist()]
    text = table["text"].to_pylist() if "text" in table.column_names else [f"{each} " for each in ids or turn]
    spread = steps["columns"].get("advantage")
    if "advantage" not in columns and (spread or advantage is not None):
        columns["advantage"] = [spread[each] if spread else advantage for each in turn]
    columns = {**columns, **derived(columns)}
    spans = turn_spans(turn) + tool_spans(text) + context_spans(position, traj.get("context"))
    extra = {} if ids is None else {"id": ids}
    return {"text": text, "columns": columns, "turn": turn, **extra}, spans


def derived(columns: Mapping[str, Sequence[float | None]]) -> dict[str, list[float | None]]:
    """Columns of tokens that follow from those that are stored."""
    out: dict[str, list[float | None]] = {}
    behavior = columns.get("behavior_logprob") or columns.get("old_logprob")
    old = columns.get("old_logprob") or behavior
    new, ref = columns.get("new_logprob"), columns.get("ref_logprob")
    if behavior and new:
        out["logprob_ratio"] = [_less(a, b) for a, b in zip(new, behavior, strict=True)]
        out["kl_update"] = [_k3(value) for value in out["logprob_ratio"]]
    if old and ref:
        out["kl"] = [_k3(_less(a, b)) for a, b in zip(ref, old, strict=True)]
    entropy = columns.get("old_entropy") or columns.get("new_entropy")
    if entropy and "entropy" not in columns:
        out["entropy"] = list(entropy)
    return out


def _less(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else number(a - b)


def _k3(log_ratio: float | None) -> float | None:
    return None if log_ratio is None or log_ratio > 700 else number(math.expm1(log_ratio) - log_ratio)


def _steps(part: Part, row: int) -> dict[str, Any]:
    first, last = int(part.first_step[row]), int(part.first_step[row + 1])
    table = read_range(part.folder / "step.parquet", first, last)
    columns = _numbers(table)
    action = _written(table, "action")
    columns.pop("action", None)
    observation = _written(table, "observation")
    columns.pop("observation", None)
    columns = {**columns, **derived(columns)}
    shown = {} if observation is None else {"observation": observation}
    return {"columns": columns, "action": action or [], **shown, "count": last - first}


def _written(table: pyarrow.Table, name: str) -> list[str] | None:
    """A column of texts, numbers or short vectors as texts; None where it is none of these."""
    if name not in table.column_names:
        return None
    return [_text(value) for value in table[name].to_pylist()]


def _text(value: Any) -> str:
    if isinstance(value, list):
        shown = " ".join(_text(each) for each in value[:VECTOR])
        return f"{shown} ..." if len(value) > VECTOR else shown
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _answer(problem: str | None) -> str | None:
    """The reference answer of a stored problem."""
    try:
        answer = json.loads(problem)["answer"] if problem else None
    except (ValueError, KeyError, TypeError):
        return None
    return None if answer is None else str(answer)


__all__ = ["derived", "read_range", "rollout"]

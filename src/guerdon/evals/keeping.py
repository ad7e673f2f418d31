"""What is kept of an evaluation: an entry of a run's ``eval.json``, one row per problem, the responses themselves."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.evals.measures import statistics_of
from guerdon.evals.pool import Pool, Responses
from guerdon.metrics.over_problems import Ratio


def save_entries(folder: str | Path, entries: Mapping[str, Mapping[str, Any]]) -> Path:
    """Add named entries to the ``eval.json`` of a run folder, or replace those of the same names.

    Raises:
        GuerdonError: if the file that is there is no JSON object.
    """
    from guerdon.runs import atomic
    from guerdon.runs.reading import read_evaluation

    path = Path(folder) / "eval.json"
    found = {**read_evaluation(Path(folder)), **entries}
    atomic.write_text(path, json.dumps(_plain(found), indent=2) + "\n")
    return path


def _plain(data: Any) -> Any:
    """The data with null for what JSON lacks."""
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    return [_plain(value) for value in data] if isinstance(data, (list, tuple)) else data


def rows_of(responses: Responses, ks: Sequence[int], families: Sequence[str], policy: str) -> list[dict[str, Any]]:
    """One row per problem: what it is, how it went, and every measure that a single problem has."""
    statistics = statistics_of(responses.pools, ks, families)
    alone = {"/".join(path): each for path, each in statistics.items() if isinstance(each, Ratio)}
    rows = []
    for number, pool in enumerate(responses.pools):
        values = {
            name: float(each.top[number] / each.bottom[number]) if each.bottom[number] else None
            for name, each in alone.items()
        }
        rows.append(
            {
                "policy": policy,
                "problem": pool.key,
                "prompt": _text(pool),
                "answer": pool.problem.answer,
                "samples": pool.size,
                "right": int(sum(pool.right)),
                **values,
            }
        )
    return rows


def _text(pool: Pool) -> str:
    prompt = pool.problem.prompt
    return prompt if isinstance(prompt, str) else "\n".join(f"{m['role']}: {m['content']}" for m in prompt)


def write_rows(rows: Sequence[Mapping[str, Any]], path: str | Path) -> None:
    """Rows as Parquet or as JSONL, by the ending of the name.

    Raises:
        GuerdonError: if the name ends in neither.
    """
    ending = check_ending(path)
    if ending == ".jsonl":
        _write_lines(rows, Path(path))
        return
    import pyarrow
    import pyarrow.parquet

    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pyarrow.table({name: [row.get(name) for row in rows] for name in names})
    pyarrow.parquet.write_table(table, path, compression="zstd")


def check_ending(path: str | Path) -> str:
    """The ending of a file of rows.

    Raises:
        GuerdonError: if it is not one of the two.
    """
    if (ending := Path(path).suffix) not in (".parquet", ".jsonl"):
        raise GuerdonError(f"--out must end in .parquet or .jsonl, got {path}")
    return ending


def write_responses(responses: Responses, path: str | Path) -> None:
    """One line per response, as ``guerdon eval --responses`` and ``guerdon score`` read them."""
    _write_lines(_lines(responses), Path(path))


def _lines(responses: Responses) -> Iterable[dict[str, Any]]:
    beside = {"gold": "gold", "logprob": "logprobs", "tokens": "tokens", "truncated": "truncated"}
    for pool in responses.pools:
        prompt = pool.problem.prompt
        known = {"prompt": prompt if isinstance(prompt, str) else list(prompt), "answer": pool.problem.answer}
        known |= {"meta": dict(pool.problem.meta)} if pool.problem.meta else {}
        for number, text in enumerate(pool.texts):
            values = {name: values[number] for name, part in beside.items() if len(values := getattr(pool, part))}
            yield {"id": pool.key, **known, "response": text, **{n: x for n, x in values.items() if x == x}}


def _write_lines(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    from guerdon.runs import atomic

    atomic.write_text(path, "".join(json.dumps(_plain(row), ensure_ascii=False) + "\n" for row in rows))

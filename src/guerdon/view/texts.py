"""Prompts and responses of many rollouts, read from the disk when they are asked for.

Idea
    A step's prompts and responses are two arrow columns; those used last stay in memory up to a number of bytes.
"""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from guerdon.view.rows import Part, Rows, fill_null, match_substring

PROMPT, RESPONSE = 200, 400
"""Characters of a prompt and of a response that a table shows."""


@dataclass
class Texts:
    """Reads texts, and remembers those of the steps used last."""

    budget: int = 256 << 20
    """Bytes of text to keep."""
    _kept: "OrderedDict[str, tuple[Any, Any]]" = field(default_factory=OrderedDict)
    _size: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    def of(self, part: Part) -> tuple[Any, Any]:
        """Prompts ``[groups]`` and responses ``[rows]`` of a step as arrow columns; None where it has none."""
        key = str(part.folder)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = column(part, "group", "prompt"), column(part, "traj", "response")
        with self._lock:
            if key not in self._kept:
                self._size += _bytes(found)
            self._kept[key] = found
            while len(self._kept) > 1 and self._size > self.budget:
                self._size -= _bytes(self._kept.popitem(last=False)[1])
        return found

    def forget(self) -> None:
        """Drop what is kept: the files changed."""
        with self._lock:
            self._kept.clear()
            self._size = 0

    def heads(self, rows: Rows, numbers: Sequence[int]) -> dict[str, list[Any]]:
        """The beginnings of prompt and response of some rows."""
        prompt, response = [], []
        for row in numbers:
            part, inside = rows.find(row)
            prompts, responses = self.of(part)
            prompt.append(_cell(prompts, int(part.group[inside]), PROMPT))
            response.append(_cell(responses, inside, RESPONSE))
        return {"rows": list(numbers), "prompt": prompt, "response": response}

    def search(self, rows: Rows, text: str, where: str = "response", case: bool = False) -> list[int]:
        """Rows whose response, prompt, or one of both holds ``text``, ascending."""
        found: list[np.ndarray] = []
        for part, start in zip(rows.parts, rows.offsets[:-1].tolist(), strict=True):
            prompts, responses = self.of(part)
            hit = np.zeros(part.rows, bool)
            if where in ("response", "both"):
                hit |= _holds(responses, text, case, part.rows)
            if where in ("prompt", "both") and prompts is not None:
                hit |= _holds(prompts, text, case, len(prompts))[part.group]
            found.append(np.flatnonzero(hit) + start)
        return np.concatenate(found).tolist() if found else []


def column(part: Part, level: str, name: str) -> Any:
    """A text column of a file, or None."""
    with parquet.ParquetFile(part.folder / f"{level}.parquet") as file:
        if name not in file.schema_arrow.names or file.schema_arrow.field(name).type != pyarrow.string():
            return None
        return file.read(columns=[name], use_threads=False)[name]


def _bytes(texts: tuple[Any, Any]) -> int:
    return sum(each.nbytes for each in texts if each is not None)


def _cell(texts: Any, row: int, limit: int) -> str | None:
    text = None if texts is None else texts[row].as_py()
    return None if text is None else text[:limit]


def _holds(texts: Any, text: str, case: bool, rows: int) -> np.ndarray:
    if texts is None:
        return np.zeros(rows, bool)
    hits = match_substring(texts, text, ignore_case=not case)
    return fill_null(hits, False).to_numpy()


__all__ = ["Texts"]

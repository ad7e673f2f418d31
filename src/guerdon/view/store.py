"""Runs as the page asks for them: one object that answers every question, for the server and for the report.

Idea
    What was read is a snapshot that never changes; ``refresh`` puts a newer one in its place when a folder changed.
    Rows of steps that were known keep their numbers, and rows of new steps come after them.
"""

import base64
import contextlib
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from guerdon.errors import GuerdonError
from guerdon.runs.checkpoint import steps_in
from guerdon.runs.reading import Run, read_run
from guerdon.view import meta
from guerdon.view.notices import notices
from guerdon.view.rollout import rollout
from guerdon.view.rows import Part, Rows, read_part
from guerdon.view.selection import select
from guerdon.view.texts import Texts

MOST = 500
"""Rows whose texts are told in one answer."""


@dataclass(frozen=True)
class Snapshot:
    """What the folders held at one moment."""

    version: int
    paths: tuple[Path, ...]
    prints: tuple[Any, ...]
    """Per run, what changes when its folder does."""
    runs: tuple[Run, ...]
    rows: Rows
    problems: tuple[tuple[str, ...], ...]
    """Per run, what could not be read."""


class Store:
    """The runs in some folders."""

    def __init__(self, folders: Sequence[str | Path]) -> None:
        """Reads everything but texts and tokens.

        Raises:
            GuerdonError: if a folder holds no run.
        """
        self.folders = [Path(folder) for folder in folders]
        self.texts = Texts()
        self._lock = threading.Lock()
        self._parts: dict[tuple[str, int], tuple[Any, Part | str]] = {}
        self._told: dict[str, Any] = {}
        self.now = Snapshot(0, (), (), (), Rows(), ())
        self.refresh()

    def refresh(self) -> Snapshot:
        """Read again what changed; the snapshot that holds from now on."""
        with self._lock:
            before = self.now
            # A folder that was named and has vanished is no reason to forget the others.
            paths = tuple(dict.fromkeys([*before.paths, *meta.find_runs(self.folders)]))
            paths = tuple(path for path in paths if (path / "run.json").is_file())
            prints = tuple(meta.fingerprint(path) for path in paths)
            if before.version and (paths, prints) == (before.paths, before.prints):
                return before
            runs = tuple(read_run(path) for path in paths)
            parts, problems = self._read(paths, before)
            if before.rows.parts != parts[: len(before.rows.parts)]:
                self.texts.forget()
            self.now = Snapshot(before.version + 1, paths, prints, runs, Rows(parts), problems)
            return self.now

    def _read(self, paths: Sequence[Path], before: Snapshot) -> tuple[tuple[Part, ...], tuple[tuple[str, ...], ...]]:
        wanted = [
            (number, step, folder)
            for number, path in enumerate(paths)
            for step, folder in steps_in(path / "rollouts").items()
        ]
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda each: self._part(*each), wanted))
        parts = [part for part in found if isinstance(part, Part)]
        known = [part for part in before.rows.parts if any(part is other for other in parts)]
        if len(known) == len(before.rows.parts):
            old = set(map(id, known))
            parts = [*known, *(part for part in parts if id(part) not in old)]
        problems = [
            tuple(
                text
                for (number, _, _), text in zip(wanted, found, strict=True)
                if number == run and isinstance(text, str)
            )
            for run in range(len(paths))
        ]
        return tuple(parts), tuple(problems)

    def _part(self, run: int, step: int, folder: Path) -> Part | str:
        """A part, read once; the sentence if it cannot be read."""
        try:
            stamp = (run, folder.stat().st_mtime_ns, folder.stat().st_ino)
        except OSError as error:
            return f"{folder} cannot be read: {error.strerror}"
        key = (str(folder), step)
        if key not in self._parts or self._parts[key][0] != stamp:
            try:
                part: Part | str = read_part(run, step, folder)
            except GuerdonError as error:
                part = str(error)
            self._parts[key] = (stamp, part)
        return self._parts[key][1]

    def meta(self, live: bool = True) -> dict[str, Any]:
        """The answer of ``/api/meta``, worked out once per version."""
        now = self.refresh()
        if self._told.get("version") != str(now.version):
            self._told = self._meta(now)
        return {**self._told, "live": live}

    def _meta(self, now: Snapshot) -> dict[str, Any]:
        rows = now.rows
        by_run: dict[int, list[Part]] = {}
        for part in sorted(rows.parts, key=lambda part: part.step):
            by_run.setdefault(part.run, []).append(part)
        names = meta.run_names(now.paths)
        curves = meta.metrics(now.runs)
        return {
            "version": str(now.version),
            "runs": [
                meta.run_entry(number, name, run, by_run.get(number, []), problems)
                for number, (name, run, problems) in enumerate(zip(names, now.runs, now.problems, strict=True))
            ],
            "metrics": curves,
            "charts": meta.charts(curves["names"]),
            "notices": [notice for run in range(len(now.runs)) for notice in notices(rows, run)],
            "rows": len(rows),
            "stored": len(rows),
            "components": rows.components,
            "columns": [
                {"name": name, "kind": kind, **({"labels": rows.labels} if kind == "label" else {})}
                for name, kind in rows.kinds.items()
            ],
        }

    def columns(self, names: Sequence[str] | None = None, rows: np.ndarray | None = None) -> dict[str, Any]:
        """The answer of ``/api/columns``: all columns or those named, of all rows or of some."""
        now = self.now
        data = {}
        for name in now.rows.kinds if names is None else names:
            values = now.rows.column(name)
            data[name] = encoded(values if rows is None else values[rows])
        return {"version": str(now.version), "rows": len(now.rows) if rows is None else len(rows), "data": data}

    def heads(self, numbers: Sequence[int]) -> dict[str, Any]:
        """The answer of ``/api/texts``.

        Raises:
            GuerdonError: if a row does not exist, or too many are asked for.
        """
        if len(numbers) > MOST:
            raise GuerdonError(f"texts must be asked for at most {MOST} rows at once, got {len(numbers)}")
        with reading():
            return self.texts.heads(self.now.rows, numbers)

    def search(self, text: str, where: str = "response", case: bool = False) -> dict[str, Any]:
        """The answer of ``/api/search``."""
        if where not in ("response", "prompt", "both"):
            raise GuerdonError(f"a search must be in response, prompt or both, got {where!r}")
        with reading():
            return {"rows": self.texts.search(self.now.rows, text, where, case)}

    def rollout(self, row: int) -> dict[str, Any]:
        """The answer of ``/api/rollout``."""
        part, inside = self.now.rows.find(row)
        with reading():
            return rollout(part, inside, row)

    def embedded(self, most: int) -> dict[str, Any]:
        """All that a page without a server needs, with at most ``most`` rollouts.

        Raises:
            GuerdonError: if ``most`` is negative.
        """
        if most < 0:
            raise GuerdonError(f"a report must hold 0 rollouts or more, got {most}")
        meta, rows = self.meta(live=False), self.now.rows
        chosen = select(rows, most) if most else np.zeros(0, np.int64)
        numbers = chosen.tolist()
        heads = self.texts.heads(rows, numbers)
        opened = [rollout(*rows.find(row), number) for number, row in enumerate(numbers)]
        return {
            "meta": {**meta, "rows": len(numbers)},
            "columns": self.columns(rows=chosen),
            "texts": {"prompt": heads["prompt"], "response": heads["response"]},
            "rollouts": opened,
        }


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """Files may go while they are looked at: a run that is resumed cuts off what it did after its checkpoint.

    Raises:
        GuerdonError: if they did.
    """
    try:
        yield
    except (OSError, pyarrow.ArrowException) as error:
        raise GuerdonError(f"these rollouts must still be there, but they cannot be read: {error}") from None


def encoded(values: np.ndarray) -> str:
    """Little-endian bytes in base64."""
    return base64.b64encode(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()).decode("ascii")


__all__ = ["Store", "encoded"]

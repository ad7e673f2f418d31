"""Scores on disk, by the content of what was scored, so that a slow reward judges nothing twice.

Idea
    One SQLite file: several processes may share it, and a kill at any moment loses at most what was being written.
    The key is a hash of the rule (its JSON, or its import path) and of everything it is given.
Reads
    Nothing; ``guard.py`` and ``remote.py`` look into it.
Deviations
    Only whole scores are kept: failures, None and NaN are tried again. An entry that does not fit its checksum is a
    miss, a file that is no database is put aside, and where neither helps the run goes on without a cache. It cannot
    see that the code behind an import path has changed: take another file then.
"""

import hashlib
import json
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from guerdon.base import Piece
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem

Value = float | dict[str, float]
SCHEMA = "CREATE TABLE IF NOT EXISTS scores (key TEXT PRIMARY KEY, value TEXT, checksum TEXT) WITHOUT ROWID"
AT_ONCE = 500
"""Keys per query."""
PATIENCE = 30.0
"""Seconds to wait for another process."""


class Cache:
    """Key -> score in a file."""

    def __init__(self, path: str) -> None:
        """Touches nothing yet.

        Raises:
            GuerdonError: if the folder is missing.
        """
        self.path = path
        if not Path(path).resolve().parent.is_dir():
            raise GuerdonError(f"a cache must lie in a folder that exists, got {path}")

    def look_up(self, keys: Sequence[str]) -> dict[str, Value]:
        """The scores that are known, by key."""
        found: dict[str, Value] = {}
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start : start + AT_ONCE]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, value, checksum FROM scores WHERE key IN ({marks})"
            for key, text, checksum in self._tried(lambda db, q=query, p=part: db.execute(q, p).fetchall()) or ():
                value = _read(key, text, checksum)
                if value is not None:
                    found[key] = value
        return found

    def store(self, scores: Mapping[str, Value]) -> None:
        """Keep those of the scores that are whole."""
        rows = [(key, text, _checksum(key, text)) for key, value in scores.items() if (text := _text(value))]
        if rows:
            self._tried(lambda db: db.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?)", rows))

    def _tried(self, work: Callable[[sqlite3.Connection], Any]) -> Any:
        """What ``work`` gives, with a new file if the old one is no database; None where nothing helps."""
        for _ in range(2):
            try:
                with self._open() as database:
                    return work(database)
            except sqlite3.OperationalError:  # locked for too long, a full disk: a cache is no reason to stop
                return None
            except sqlite3.DatabaseError:
                self._put_aside()
        return None

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection per call: one may not be shared between threads, nor survive a fork.
        with closing(sqlite3.connect(self.path, timeout=PATIENCE)) as database:
            # A change of mode does not wait: it fails while another process writes, which has then changed it or will.
            with suppress(sqlite3.OperationalError):
                database.execute("PRAGMA journal_mode=WAL")
            # Safe against kills; what a power cut damages is seen when it is read.
            database.execute("PRAGMA synchronous=OFF")
            database.execute(SCHEMA)
            with database:
                yield database

    def _put_aside(self) -> None:
        for end in ("", "-wal", "-shm"):
            with suppress(OSError):
                os.replace(self.path + end, f"{self.path}.damaged{end}")


def identity(function: Any) -> str:
    """What tells one rule from another: the JSON of a piece, or an import path.

    Raises:
        GuerdonError: if the function has neither.
    """
    if isinstance(function, str):
        return function
    from guerdon.serial import to_json

    if isinstance(function, Piece):
        return json.dumps(to_json(function), sort_keys=True)
    owner, name = getattr(function, "__self__", None), getattr(function, "__qualname__", "<nameless>")
    if isinstance(owner, Piece):
        return f"{json.dumps(to_json(owner), sort_keys=True)}.{function.__name__}"
    if "<" in name or owner is not None:
        raise GuerdonError(f"a cached reward must be a piece or have an import path, got {name}; use a named function")
    return f"{function.__module__}:{name}"


def key_of(rule: str, arguments: Any) -> str | None:
    """Hash of a rule and of what it is given; None where that cannot be written down."""
    try:
        text = json.dumps(arguments, sort_keys=True, default=_plain)
    except (TypeError, ValueError, RecursionError):
        return None
    return hashlib.blake2b(f"{rule}\n{text}".encode(), digest_size=20).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Problem):
        return [value.id, value.prompt, value.answer, value.meta]
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError


def _text(value: Value) -> str:
    """A whole score as JSON; "" for one with a part missing."""
    parts = value.values() if isinstance(value, dict) else (value,)
    return json.dumps(value) if all(math.isfinite(part) for part in parts) else ""


def _checksum(key: str, text: str) -> str:
    return hashlib.blake2b(f"{key}\n{text}".encode(), digest_size=8).hexdigest()


def _read(key: Any, text: Any, checksum: Any) -> Value | None:
    if not isinstance(text, str) or checksum != _checksum(key, text):
        return None
    return json.loads(text)

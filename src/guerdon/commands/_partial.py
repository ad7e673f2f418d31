"""A file of results that appears when it is complete, and goes on after a kill without a line missing or twice.

Idea
    Results go to ``OUT.partial``, whole lines with their numbers, so the file is its own journal: after a kill a last
    line that was cut off is dropped and the next number is known. ``OUT.journal`` says what the results are of.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from guerdon.errors import GuerdonError


@dataclass
class Earlier:
    """What an earlier run has written."""

    line: int = 0
    """Number of the last line scored."""
    rows: int = 0
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Component -> (sum, count) of the scores."""
    size: int = 0
    """Bytes that are whole."""


class Partial:
    """The open partial file."""

    def __init__(self, file: IO[bytes], earlier: Earlier) -> None:
        self.file, self.earlier = file, earlier

    def write(self, text: str) -> None:
        """Append whole lines."""
        self.file.write(text.encode())
        self.file.flush()

    @classmethod
    @contextmanager
    def open(cls, out: str, same: dict[str, Any] | None) -> Iterator["Partial"]:
        """Begin, or go on with what was begun for the ``same`` file and reward; None never goes on.

        Kept when the process is killed or interrupted; removed when a run from the start meets bad input.

        Raises:
            GuerdonError: if the partial file is of something else, or in use.
        """
        partial, journal = Path(f"{out}.partial"), Path(f"{out}.journal")
        with partial.open("a+b") as file:
            _lock(file, partial)
            earlier = Earlier()
            if same is not None and partial.stat().st_size:
                _check(journal, same, partial)
                file.seek(0)
                earlier = read_earlier(file)
            file.truncate(earlier.size)
            _write_whole(journal, json.dumps(same))
            try:
                yield cls(file, earlier)
            except GuerdonError:
                if not earlier.size:
                    partial.unlink(missing_ok=True)
                    journal.unlink(missing_ok=True)
                raise
            os.replace(partial, out)
            journal.unlink(missing_ok=True)


def _lock(file: IO[bytes], path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # not on Windows: there nobody looks
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise GuerdonError(f"{path} is being written by another process; wait for it") from None


def _check(journal: Path, same: dict[str, Any], partial: Path) -> None:
    """Refuse to mix the scores of two things."""
    try:
        begun = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        begun = None
    if begun != json.loads(json.dumps(same)):
        what = [key for key in same if not isinstance(begun, dict) or begun.get(key) != same[key]]
        raise GuerdonError(
            f"{partial} must be of the same file, reward and task to go on with it, but differs in "
            f"{', '.join(what) or 'all'}; delete it to begin anew"
        )


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)


def read_earlier(file: IO[bytes]) -> Earlier:
    """What of the file is whole: lines of JSON with ascending numbers, up to the first that is not."""
    earlier = Earlier()
    for line in file:
        row = None
        with suppress(ValueError):
            row = json.loads(line) if line.endswith(b"\n") else None
        if not isinstance(row, dict) or not isinstance(row.get("line"), int) or row["line"] <= earlier.line:
            break
        earlier.line, earlier.rows, earlier.size = row["line"], earlier.rows + 1, earlier.size + len(line)
        for name, value in row["reward"].items():
            total, count = earlier.sums.get(name, (0.0, 0))
            earlier.sums[name] = (total, count) if value is None else (total + value, count + 1)
    return earlier


__all__ = ["Earlier", "Partial", "read_earlier"]

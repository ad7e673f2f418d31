"""The page with its data inside: one file that opens offline and can be mailed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.runs.atomic import write_text
from guerdon.view import export
from guerdon.view.store import Store

ROLLOUTS = 400
"""Rollouts that a report holds unless it is told otherwise."""


@dataclass(frozen=True)
class Written:
    """What was written."""

    path: Path
    bytes: int
    rollouts: int
    """Those in the file."""
    stored: int
    """Those that the runs have."""

    def sentence(self) -> str:
        """``runs/a/report.html: 1.3 MiB, 400 of 12,000 rollouts``."""
        size = f"{self.bytes / 2**20:.1f} MiB" if self.bytes >= 2**20 else f"{self.bytes / 2**10:.0f} KiB"
        return f"{self.path}: {size}, {self.rollouts:,} of {self.stored:,} rollouts"


def write(folders: Sequence[str | Path], out: str | Path | None = None, rollouts: int = ROLLOUTS) -> Written:
    """Write the report of some run folders, by default as ``report.html`` in the first.

    Raises:
        GuerdonError: if a folder holds no run.
    """
    if not folders:
        raise GuerdonError("a report needs at least one run folder, got none")
    data = Store(folders).embedded(rollouts)
    target = Path(folders[0]) / "report.html" if out is None else Path(out)
    page = export.document(data)
    write_text(target, page)
    return Written(target, len(page.encode()), data["meta"]["rows"], data["meta"]["stored"])


__all__ = ["ROLLOUTS", "Written", "write"]

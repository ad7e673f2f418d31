"""One HTML file about a run, or several overlaid: the viewer's page with its data inside."""

from collections.abc import Sequence
from pathlib import Path


def write_report(
    runs: str | Path | Sequence[str | Path], out: str | Path | None = None, rollouts: int | None = None
) -> Path:
    """Write the report of one run folder or several; returns its path, by default ``report.html`` in the first.

    It holds all curves and at most ``rollouts`` rollouts (400 unless told otherwise), and opens offline.

    Raises:
        GuerdonError: if a folder holds no run.
    """
    # The viewer reads run folders through this package.
    from guerdon.view.report import ROLLOUTS, write

    folders = [runs] if isinstance(runs, (str, Path)) else list(runs)
    return write(folders, out, ROLLOUTS if rollouts is None else rollouts).path


__all__ = ["write_report"]

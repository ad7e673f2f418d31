"""Files and folders that are either complete or not there, whenever the process or the machine dies.

Idea
    Write under a temporary name in the same folder, fsync, rename, fsync the folder. A name that starts with
    ``.partial-`` is a torn write: nobody reads it and ``sweep`` removes it.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial-"


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk; folders cannot be flushed on every system, which is then skipped."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        if not path.is_dir():
            raise
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write or replace a text file atomically."""
    temporary = path.with_name(f"{PARTIAL}{path.name}")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill; it gets the name ``path``, in place of what was there, when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{PARTIAL}{path.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    yield temporary
    for file in temporary.iterdir():
        sync(file)
    sync(temporary)
    if path.exists():
        old = path.with_name(f"{PARTIAL}old-{path.name}")
        shutil.rmtree(old, ignore_errors=True)
        os.rename(path, old)
        os.rename(temporary, path)
        shutil.rmtree(old)
    else:
        os.rename(temporary, path)
    sync(path.parent)


def sweep(folder: Path) -> None:
    """Remove the torn writes that a killed process left in ``folder``."""
    for path in folder.glob(f"{PARTIAL}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()

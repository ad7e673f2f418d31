"""What can hold a hostile program on this machine, said honestly.

Idea
    Two levels. *bubblewrap*: namespaces of its own, so the program sees a read-only system, one private folder, no
    network and no process but its own; a system call filter; limits. *limits*: the same limits and cleaning up, but
    the machine's files and network. As root, the program runs under a user id of its own on both levels.
Deviations
    None of it is a virtual machine: a hole in the kernel is a way out of both.
"""

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.sandbox._seccomp import filter_program

FOLDER = "/tmp"
"""The working folder under bubblewrap."""
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64")
_FILES = (
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/nix/store",
)


@dataclass(frozen=True)
class Isolation:
    """A level of isolation."""

    name: str
    """``bubblewrap`` or ``limits``."""
    leaves_open: str
    """One sentence: what it does not protect from."""
    why: str = ""
    """Why it is not a stronger one; empty where it is the strongest."""


def isolation(name: str = "auto", python: str = sys.executable) -> Isolation:
    """The strongest level that works here, or the named one.

    Raises:
        GuerdonError: if the named level does not work here.
    """
    if name not in ("auto", "bubblewrap", "limits"):
        raise GuerdonError(f"isolation must be 'auto', 'bubblewrap' or 'limits', got {name!r}")
    if os.name != "posix":
        raise GuerdonError(f"the sandbox needs a POSIX system (Linux, macOS), got {sys.platform}")
    why = "asked for" if name == "limits" else _trial(python)
    if not why:
        filtered = "" if filter_program() else "; no system call filter for this kind of processor"
        return Isolation(
            "bubblewrap",
            "It does not protect from holes in the kernel, from programs that read the system's world-readable software "
            "in /usr, or from several processes that each use the memory limit" + filtered + ".",
        )
    if name == "bubblewrap":
        raise GuerdonError(f"isolation 'bubblewrap' must work on this machine, but {why}")
    if sys.platform != "linux":
        more = ", processes that left the program's group, and user's processes that it signals"
    elif os.geteuid() == 0:
        more = " and files that it leaves in folders open to every user"
    else:
        more = ", your own files, and your own processes that it reads, signals or, having killed its keeper, outlives"
    return Isolation("limits", f"It does not protect the network, what other users may read{more}.", why)


@functools.lru_cache
def _trial(python: str) -> str:
    """Why bubblewrap does not work here; empty if it does."""
    if sys.platform != "linux":
        return "bubblewrap is for Linux"
    if shutil.which("bwrap") is None:
        return "there is no bwrap; install the package bubblewrap"
    with seccomp() as filters:
        command = bubblewrap(python, (), 1 << 20, filters)
        try:
            done = subprocess.run(
                [*command, python, "-I", "-S", "-c", "pass"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=60,
                env={},
                pass_fds=filters,
            )
        except subprocess.TimeoutExpired:
            return "bwrap took more than a minute to start"
    return "" if done.returncode == 0 else f"bwrap failed: {done.stderr.strip()[:300]}"


@contextlib.contextmanager
def seccomp() -> Iterator[list[int]]:
    """The system call filter in an open file: its descriptor, or nothing where there is no filter."""
    program = filter_program()
    if not program:
        yield []
        return
    with tempfile.TemporaryFile() as file:
        file.write(program)
        file.seek(0)
        yield [file.fileno()]


def bubblewrap(python: str, readable: Iterable[str], folder_bytes: int, filters: Iterable[int]) -> list[str]:
    """The command before the command: a system that holds little more than /usr, Python and an empty folder."""
    command = [shutil.which("bwrap") or "bwrap"]
    command += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += ["--die-with-parent", "--new-session", "--as-pid-1", "--hostname", "sandbox", "--cap-drop", "ALL"]
    if os.geteuid() == 0:  # the process limit does not count for root, so the program gets another user (_inside.py)
        command += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        command += ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    for number in filters:
        command += ["--seccomp", str(number)]
    command += ["--proc", "/proc", "--dev", "/dev", "--ro-bind", "/usr", "/usr"]
    command += ["--perms", "1777", "--size", str(folder_bytes), "--tmpfs", FOLDER]
    for path in _SYSTEM:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
        else:
            command += ["--ro-bind-try", path, path]
    for path in _FILES:
        command += ["--ro-bind-try", path, path]
    folders, links = interpreter(python)
    shown = [path for path in (*folders, *readable) if os.path.exists(path)]
    above = {str(folder) for path in (*shown, *(path for _, path in links)) for folder in Path(path).parents}
    for folder in sorted(above - {"/", "/usr", FOLDER}):  # left to itself, bwrap closes them to other users
        command += ["--perms", "0755", "--dir", folder]
    for path in shown:
        command += ["--ro-bind", path, path]
    for target, path in links:
        command += ["--symlink", target, path]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", FOLDER, "--"]


def interpreter(python: str) -> tuple[list[str], list[tuple[str, str]]]:
    """What a Python outside of /usr needs: folders with its libraries, and links (target, path) on the way to it."""
    folders: dict[str, None] = {}
    links = []
    *hops, last = _way(python)
    for path in hops:
        if os.path.exists(f"{_prefix(path)}/pyvenv.cfg"):
            folders[_prefix(path)] = None
        else:
            links.append((os.readlink(path), path))
    folders[_prefix(last)] = None
    if python == sys.executable:
        folders |= dict.fromkeys([sys.prefix, sys.base_prefix])
    # A prefix may be somebody's home, so no more of it is shown than Python itself looks for.
    parts = ("bin", "lib", "lib64", "pyvenv.cfg")
    outside = [prefix for prefix in folders if prefix not in ("/", "") and not f"{prefix}/".startswith("/usr/")]
    links = [(to, path) for to, path in links if _prefix(path) not in folders and not path.startswith("/usr/")]
    return [f"{prefix}/{part}" for prefix in outside for part in parts], links


def _way(path: str) -> list[str]:
    """A path and what it links to, up to the file itself."""
    way = [path]
    while os.path.islink(way[-1]) and len(way) < 40:
        way.append(os.path.normpath(os.path.join(os.path.dirname(way[-1]), os.readlink(way[-1]))))
    return way


def _prefix(path: str) -> str:
    return os.path.dirname(os.path.dirname(path))


def open_to_all(python: str) -> bool:
    """Whether a user without rights can run a Python: every folder on the way, and on that of its libraries."""
    libraries = [path for path in interpreter(python)[0] if os.path.exists(path)]
    folders = {Path(os.path.realpath(os.path.dirname(path))) for path in (*_way(python), *libraries)}
    closed = [folder for inner in folders for folder in (inner, *inner.parents) if not folder.stat().st_mode & 1]
    return not closed


def python_without_rights(python: str) -> str:
    """The Python itself, or else the system's, where a user without rights may not enter its folder.

    Raises:
        GuerdonError: if there is none.
    """
    for path in (python, "/usr/bin/python3", "/usr/local/bin/python3"):
        if os.path.exists(path) and open_to_all(path):
            return path
    raise GuerdonError(
        f"a user without rights must be able to run {python}, but its folder is closed to others; "
        "install bubblewrap, or a Python in /usr"
    )

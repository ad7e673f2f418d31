"""Running a hostile program, so that what it can do is print and use up what it was given.

Idea
    Each program gets a session, a clean private folder, a clean environment and no open file but its own three; limits
    on time, processor, memory, files, processes and output; and at the end, in every case, all it has started is
    killed. What else holds it is the level of isolation (``isolation.py``), which every result names.
Reads
    Nothing; ``verdict.py`` and the scorers that run model-written code call it.
Deviations
    Memory is limited per process (the kernel's address space limit): several processes can use it several times.
"""

import contextlib
import functools
import marshal
import math
import os
import selectors
import signal
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import count
from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.sandbox.isolation import FOLDER, bubblewrap, isolation, python_without_rights, seccomp

MIB = 1 << 20
START_TIMEOUT = 60.0
"""Seconds for the sandbox itself to start; a machine under load is slow."""
_slots = count()


@dataclass(frozen=True)
class Limits:
    """What a program may use."""

    seconds: float = 10.0
    """Time on the clock."""
    cpu_seconds: float = 10.0
    """Processor time of one process, rounded up to whole seconds."""
    memory_mb: int = 1024
    """Address space of one process in MiB."""
    file_mb: int = 16
    """Size of one file in MiB; under bubblewrap, of the whole working folder."""
    processes: int = 8
    """Processes and threads at a time."""
    output_kb: int = 256
    """Standard output and error together in KiB."""
    open_files: int = 64
    """Open files of one process."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 < value < 1 << 31:
                raise GuerdonError(f"Limits.{item.name} must be positive and finite, got {value}")


@dataclass(frozen=True)
class Finished:
    """What became of a program."""

    code: int
    """Its exit code; minus the signal's number if one ended it."""
    stdout: str
    """Standard output; what is not UTF-8 is replaced."""
    stderr: str
    """Standard error."""
    seconds: float
    """Time on the clock, without that of the sandbox."""
    cpu_seconds: float
    """Processor time, with that of the children it has waited for; 0 if it was killed from outside."""
    reason: str
    """Why it was ended; empty where it ended by itself."""
    isolation: str
    """The level that held it: ``bubblewrap`` or ``limits``."""

    @property
    def ok(self) -> bool:
        """It ended by itself with exit code 0."""
        return self.code == 0 and not self.reason


@dataclass(frozen=True)
class Sandbox:
    """``Sandbox().run("print(1)")`` runs a Python program; a list of words runs any command."""

    limits: Limits = field(default_factory=Limits)
    """What each run may use."""
    isolation: str = "auto"
    """``bubblewrap``, ``limits``, or ``auto`` for the strongest that works here."""
    readable: tuple[str, ...] = ()
    """Folders to show, read-only (bubblewrap)."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables to add to the few that are there."""
    python: str = sys.executable
    """The interpreter of Python programs. As root without bubblewrap it may be the system's; see ``interpreter``."""

    def __post_init__(self) -> None:
        isolation(self.isolation, self.python)

    @property
    def level(self) -> str:
        """The level of isolation that its runs get."""
        return isolation(self.isolation, self.python).name

    @property
    def interpreter(self) -> str:
        """The Python that programs get."""
        if self.level == "limits" and os.geteuid() == 0:
            return python_without_rights(self.python)
        return self.python

    def run(
        self, program: str | Sequence[str], stdin: str | bytes = "", files: Mapping[str, bytes] | None = None
    ) -> Finished:
        """Run a Python program given as its text, or a command given as words, in a folder that holds ``files``.

        Raises:
            GuerdonError: if it cannot be started, such as for a command that does not exist.
        """
        contents = dict(files or {})
        for name in contents:
            if name.startswith("/") or ".." in Path(name).parts or Path(name) in (Path(), Path(".stdin")):
                raise GuerdonError(f"files must have names inside of the working folder, got {name!r}")
        argv = list(program)
        if isinstance(program, str):
            argv = [self.interpreter, "-s", "-B", "program.py"]
            contents["program.py"] = program.encode("utf-8", "replace")
        with contextlib.ExitStack() as stack:
            uid = _spare_user() if os.geteuid() == 0 else 0
            wrapped = self.level == "bubblewrap"
            folder = FOLDER if wrapped else stack.enter_context(_private_folder(uid))
            filters = stack.enter_context(seccomp()) if wrapped else []
            job = stack.enter_context(tempfile.TemporaryFile())
            data = stdin.encode("utf-8", "replace") if isinstance(stdin, str) else stdin
            marshal.dump(self._job(argv, data, contents, folder, uid), job, 2)
            job.seek(0)
            source, report = os.pipe()
            stack.callback(os.close, source)
            try:
                command = [sys.executable, "-I", "-S", "-c", _inside(), str(job.fileno()), str(report)]
                if wrapped:
                    size = self.limits.file_mb * MIB
                    command = [*bubblewrap(self.python, self.readable, size, filters), self.python, *command[1:]]
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env={},
                    cwd="/",
                    pass_fds=(job.fileno(), report, *filters),
                    start_new_session=True,
                )
            finally:
                os.close(report)
            return _Run(process, source, self.limits, self.level).finish()

    def _job(self, argv: list[str], stdin: bytes, files: dict[str, bytes], folder: str, uid: int) -> dict:
        limits, wrapped = self.limits, self.level == "bubblewrap"
        cpu = math.ceil(limits.cpu_seconds)
        # With a user or a namespace of its own, only its processes count; else those that the user has already.
        others = 0 if uid else 1 if wrapped and _kernel() >= (5, 14) else _tasks_of_user()
        amounts = {
            "AS": limits.memory_mb * MIB,
            "FSIZE": limits.file_mb * MIB,
            "NPROC": limits.processes + others,
            "NOFILE": limits.open_files,
            "CORE": 0,
        }
        environment = {
            "PATH": f"{os.path.dirname(self.interpreter)}:/usr/local/bin:/usr/bin:/bin",
            "HOME": folder,
            "TMPDIR": folder,
            "LANG": "C.UTF-8",
            "PYTHONHASHSEED": "0",
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        return {
            "argv": argv,
            "stdin": stdin,
            "files": files,
            "folder": folder,
            "uid": uid,
            "namespace": wrapped,
            "env": {**environment, **self.environment},
            # The signal of the soft limit tells why, but can be ignored; the hard limit kills.
            "limits": {"RLIMIT_CPU": (cpu, cpu + 1), **{f"RLIMIT_{name}": (n, n) for name, n in amounts.items()}},
        }


class _Run:
    """A started sandbox: what it prints, and its end."""

    def __init__(self, process: subprocess.Popen, report: int, limits: Limits, level: str) -> None:
        self.process, self.report, self.limits, self.level = process, report, limits, level
        assert process.stdout is not None and process.stderr is not None
        self.text = {report: bytearray(), process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
        self.out, self.err = process.stdout.fileno(), process.stderr.fileno()

    def finish(self) -> Finished:
        """Read until the end, and bring it about where a limit is reached."""
        try:
            with self.process:
                try:
                    reason = self._watch()
                finally:
                    self._stop()
                reason = reason or self._drain()
        finally:
            out, err, report = (self.text[fd].decode("utf-8", "replace") for fd in (self.out, self.err, self.report))
        lines = {line.partition(" ")[0]: line.partition(" ")[2] for line in report.splitlines()}
        if "failed" in lines:
            raise GuerdonError(f"the program must start, got {lines['failed']}")
        if "start" not in lines:
            raise GuerdonError(f"the sandbox must start, got {err.strip()[-300:] or reason or 'no message'}")
        status, seconds, cpu = (float(word) for word in lines.get("exit", "-9 nan 0").split())
        if reason or "exit" not in lines:
            status, reason = -signal.SIGKILL, reason or "it killed its keeper"
            seconds = time.monotonic() - self.started
        elif status == -signal.SIGXCPU or (status == -signal.SIGKILL and cpu > 0.9 * self.limits.cpu_seconds):
            reason = f"it used more than {self.limits.cpu_seconds:g} s of processor time"
        return Finished(int(status), out, err, seconds, cpu, reason, self.level)

    def _watch(self) -> str:
        """Why it must be stopped; empty when it has ended. Its keeper's report is read here, too."""
        self.started, deadline = time.monotonic(), time.monotonic() + START_TIMEOUT
        running = False
        with selectors.DefaultSelector() as selector:
            for fd in self.text:
                selector.register(fd, selectors.EVENT_READ)
            while self.report in selector.get_map():
                if time.monotonic() >= deadline:
                    return f"it ran longer than {self.limits.seconds:g} s" if running else "it took too long to start"
                for key, _ in selector.select(deadline - time.monotonic()):
                    data = os.read(key.fd, 1 << 16)
                    if not data:
                        selector.unregister(key.fd)
                    self.text[key.fd] += data
                if self._overflows():
                    return self._flood()
                if not running and self.text[self.report]:
                    running, self.started = True, time.monotonic()
                    deadline = self.started + self.limits.seconds
        return ""

    def _overflows(self) -> bool:
        return len(self.text[self.out]) + len(self.text[self.err]) > self.limits.output_kb << 10

    def _flood(self) -> str:
        for fd in (self.out, self.err):
            del self.text[fd][self.limits.output_kb << 10 :]
        return f"it printed more than {self.limits.output_kb} KiB"

    def _drain(self) -> str:
        """Read what is still in the pipes, without waiting for anybody who may hold them open."""
        for fd in (self.out, self.err):
            os.set_blocking(fd, False)
            with contextlib.suppress(BlockingIOError):
                while data := os.read(fd, 1 << 16):
                    self.text[fd] += data
                    if self._overflows():
                        return self._flood()
        return ""

    def _stop(self) -> None:
        """Kill all of it. Called at every end; the keeper is not waited for before, so that its number stays its own."""
        if self.level == "limits":
            self.process.terminate()  # the keeper ends what is left, and itself
            try:
                self.process.wait(10)
                return
            except subprocess.TimeoutExpired:
                pass
        with contextlib.suppress(OSError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@functools.lru_cache
def _inside() -> str:
    """The text of the process that starts and ends the program."""
    return (Path(__file__).parent / "_inside.py").read_text(encoding="utf-8")


def _spare_user() -> int:
    """A user id that nobody else has, nor another run of ours at this time."""
    top = 1 << 32
    with contextlib.suppress(OSError, ValueError):
        start, _, length = map(int, Path("/proc/self/uid_map").read_text().splitlines()[-1].split())
        top = start + length
    number = os.getpid() * 128 + next(_slots) % 128
    return (1 << 30) + number if top > 1 << 31 else max(1, top - 1000 - number % 8000)


def _kernel() -> tuple[int, int]:
    """Linux's version; (0, 0) elsewhere. From 5.14 on, a namespace counts its processes apart."""
    words = os.uname().release.split(".")
    return (int(words[0]), int(words[1].split("-")[0])) if sys.platform == "linux" else (0, 0)


def _tasks_of_user() -> int:
    """Threads that this user has now; a guess where /proc does not tell."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/task"):
        with contextlib.suppress(OSError):
            if path.stat().st_uid == os.geteuid():
                total += len(os.listdir(path))
    return total or 1000


@contextlib.contextmanager
def _private_folder(uid: int) -> Iterator[str]:
    """An empty folder of the user's; whatever is made of it, it is gone afterwards."""
    outer = tempfile.mkdtemp(prefix="guerdon-sandbox-")
    folder = os.path.join(outer, "work")  # its own name is not the program's to change
    try:
        os.mkdir(folder, 0o700)
        if uid:
            os.chmod(outer, 0o711)
            os.chown(folder, uid, uid)
        yield folder
    finally:
        _remove(outer)


def _remove(outer: str) -> None:
    """Remove a folder, however deep it is and whatever is closed in it: each inner folder is moved to the top first."""
    top, numbers = os.open(outer, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW), count()
    waiting = os.listdir(top)
    try:
        for name in waiting:
            if stat.S_ISDIR(os.stat(name, dir_fd=top, follow_symlinks=False).st_mode):
                os.chmod(name, 0o700, dir_fd=top)
        while waiting:
            folder = os.open(name := waiting.pop(), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            try:
                for entry in os.listdir(folder):
                    if stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode):
                        os.chmod(entry, 0o700, dir_fd=folder)
                        waiting.append(str(next(numbers)))
                        os.rename(entry, waiting[-1], src_dir_fd=folder, dst_dir_fd=top)
                    else:
                        os.unlink(entry, dir_fd=folder)
            finally:
                os.close(folder)
            os.rmdir(name, dir_fd=top)
        os.rmdir(outer)
    except OSError as error:
        warnings.warn(f"the sandbox must remove its folder {outer}, got {error}; remove it by hand", stacklevel=2)
    finally:
        os.close(top)

"""The near side of ``_worker.py``: one server process per scoring function, and the workers it forks."""

import atexit
import contextlib
import math
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import OrderedDict, deque
from dataclasses import asdict, dataclass, field
from typing import Any

from guerdon.errors import GuerdonError
from guerdon.rewards import _worker

MAX_POOLS = 32
BOOT = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; "
    f"import runpy; runpy.run_path(sys.argv[1], run_name={_worker.NAME!r})"
)
"""Run by path: importing ``guerdon.rewards`` would load torch into every server."""


@dataclass(frozen=True)
class Job:
    """One call of the function: a sample, or a batch of them."""

    samples: list[int]
    data: bytes


@dataclass(eq=False)
class Worker:
    """A worker process and what it has been given to do."""

    sock: socket.socket
    pid: int
    server: int
    """Pid of the server that forked it."""
    buffer: bytes = b""
    jobs: deque[Job] = field(default_factory=deque)
    """Sent and not yet answered; the first one is running."""
    deadline: float = math.inf
    """When the running job has had its time."""
    limit: float = math.inf
    """When even a job that keeps importing modules has had its time."""
    imported: set[str] = field(default_factory=set)
    """Modules whose import has been granted time."""

    def is_quiet(self) -> bool:
        """Whether an idle worker is alive and has nothing to say."""
        return not select.select([self.sock], [], [], 0)[0]


@dataclass(frozen=True)
class Setup:
    """What one server is for; equal setups share it."""

    function: bytes | str
    """A pickle, or an import path."""
    keywords: tuple[str, ...]
    """Names of the arguments in calls by keyword; the function need not take them all."""
    batched: bool
    memory_mb: int | None
    start_timeout: float


class Pool:
    """Starts the server when first needed, asks it for workers, and ends them."""

    def __init__(self, setup: Setup) -> None:
        """Starts nothing yet."""
        self.setup = setup
        self.lock = threading.Lock()
        self.server: subprocess.Popen[bytes] | None = None
        self.control: socket.socket | None = None
        self.idle: list[Worker] = []
        self.modules: dict[str, None] = {}
        """What calls have imported; a replacement starts with it, so that a kill does not repeat slow imports."""
        self.preload = True
        self.ends: dict[int, int] = {}
        """Worker -> exit status, as the server reports them."""

    def worker(self) -> Worker:
        """An idle worker, or a new one.

        Raises:
            GuerdonError: if the function cannot be loaded.
        """
        while self.idle:
            worker = self.idle.pop()
            if worker.is_quiet():
                return worker
            self.end(worker)  # it died, or something is left running in it
        try:
            return self._fork()
        except (OSError, EOFError):
            self._stop()
            self.preload = False  # a module that kills or holds up the server is left to the workers
        try:
            return self._fork()
        except (OSError, EOFError):
            raise GuerdonError(
                "a reward worker must start, but its server died twice; look at free memory, or set isolate=False"
            ) from None

    def _fork(self) -> Worker:
        server = self._start() if self.control is None or self.server is None else self.server.pid
        near, far = socket.socketpair()
        near.settimeout(self.setup.start_timeout)
        try:
            with far:
                self._tell({"fork": list(self.modules) if self.preload else []}, far.fileno())
            return Worker(near, self._hear("pid")["pid"], server)
        except (OSError, EOFError):
            near.close()
            raise

    def _start(self) -> int:
        if sys.platform == "win32":
            raise GuerdonError("reward workers need a Unix system, got Windows; set isolate=False")
        self.control, far = socket.socketpair()
        self.control.settimeout(self.setup.start_timeout)
        with far:
            self.server = subprocess.Popen(
                [sys.executable, "-c", BOOT, _worker.__file__, str(far.fileno())],
                pass_fds=[far.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # an interrupt from the keyboard is for the main process
                env={"OMP_NUM_THREADS": "1", **os.environ},
            )
        self._tell({**asdict(self.setup), "path": sys.path})
        try:
            reply = self._hear("ready", "failed")
        except (EOFError, OSError) as error:
            self._stop()
            late = isinstance(error, TimeoutError)
            how = f"took more than start_timeout={self.setup.start_timeout:g} s" if late else "ended its process"
            raise GuerdonError(f"the scoring function must load in a worker, but loading it {how}") from None
        if "failed" in reply:
            self._stop()
            main = "; move it from the main script to a module" if "__main__" in reply["failed"] else ""
            raise GuerdonError(f"the scoring function must load in a worker, got {reply['failed']}{main}")
        return reply["ready"]

    def _tell(self, command: dict[str, Any], *fds: int) -> None:
        if self.control is None:
            raise EOFError
        _worker.send(self.control, command, fds)

    def _hear(self, *keys: str) -> dict[str, Any]:
        """The next message that has one of the keys; reports of ended workers are kept on the way."""
        while True:
            if self.control is None:
                raise EOFError
            message, _ = _worker.receive(self.control)
            if "exit" in message:
                self.ends[message["exit"]] = message["status"]
            if any(key in message for key in keys):
                return message

    def end(self, worker: Worker) -> None:
        """Kill a worker and whatever it started."""
        worker.sock.close()
        try:
            self._tell({"kill": worker.pid})
        except (OSError, EOFError):
            _worker.kill_group(worker.pid)

    def how_it_ended(self, worker: Worker) -> str:
        """Why a worker hung up, as far as its server can tell within a second."""
        until = time.monotonic() + 1.0
        with contextlib.suppress(OSError, EOFError):
            while worker.pid not in self.ends and time.monotonic() < until:
                if self.control is None or self.server is None or self.server.pid != worker.server:
                    break
                if select.select([self.control], [], [], max(0.0, until - time.monotonic()))[0]:
                    self._hear("exit")
        status = self.ends.pop(worker.pid, None)
        if status is None:
            return "the worker died"
        if status >= 0:
            return f"the function ended its process with exit code {status}"
        return f"the worker died of {signal.Signals(-status).name}"

    def close(self) -> None:
        """End the server and every worker. The pool can be used again."""
        for worker in self.idle:
            worker.sock.close()
        self.idle.clear()
        self._stop()

    def _stop(self) -> None:
        if self.control is not None:
            self.control.close()
        if self.server is not None:
            try:
                self.server.wait(1)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        self.control = self.server = None
        self.ends.clear()


_pools: OrderedDict[tuple[int, Setup], Pool] = OrderedDict()
_pools_lock = threading.Lock()


def pool(setup: Setup) -> Pool:
    """The pool of a setup in this process; the one unused longest is closed when there are too many."""
    key = (os.getpid(), setup)
    with _pools_lock:
        found = _pools.pop(key, None) or Pool(setup)
        _pools[key] = found
        oldest = next(iter(_pools)) if len(_pools) > MAX_POOLS else None
        stale = _pools.pop(oldest) if oldest is not None and oldest[0] == os.getpid() else None
    if stale is not None:
        with stale.lock:
            stale.close()
    return found


@atexit.register
def close_all() -> None:
    """End every server that this process has started. Called at exit; safe to call at any time."""
    with _pools_lock:
        own = [key for key in _pools if key[0] == os.getpid()]
        closing = [_pools.pop(key) for key in own]
    for item in closing:
        item.close()

"""Runs the cells of a comparison in parallel processes, and goes on when one of them fails or dies."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from guerdon.comparison.plan import Cell
from guerdon.comparison.worker import Job
from guerdon.errors import GuerdonError

PATIENCE = 60.0
"""Seconds that a process has to finish its step when the comparison is stopped."""

Observer = Callable[["Cell", dict[str, Any]], None]
"""Told what a cell does: the messages of ``worker.py``, and ``{"begun": True}``."""


@dataclass
class Ended:
    """How a cell ended."""

    status: str
    """``finished``, ``stopped`` (by itself), ``interrupted`` or ``failed``."""
    reason: str = ""


class Worker:
    """One process, and the cell it works on."""

    def __init__(self, log: Path, lock: IO[str] | None) -> None:
        """Start it; it holds the lock of the folder as long as it lives."""
        threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        folders = [entry or os.getcwd() for entry in sys.path]
        environment = {**os.environ, **threads, "PYTHONPATH": os.pathsep.join(folders)}
        environment.setdefault("TOKENIZERS_PARALLELISM", "false")
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "guerdon.comparison.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                env=environment,
                start_new_session=True,  # an interrupt from the keyboard is for the main process
                pass_fds=() if lock is None or os.name == "nt" else (lock.fileno(),),
            )
        self.log, self.log_start = log, log.stat().st_size
        self.cell: Cell | None = None
        self.buffer = b""

    def give(self, cell: Cell, job: Job) -> None:
        """Have it train a cell."""
        assert self.process.stdin is not None
        self.cell = cell
        # If it died, that is found out when its output ends.
        with contextlib.suppress(OSError):
            self.process.stdin.write(job.to_line().encode())
            self.process.stdin.flush()

    def read(self) -> list[dict[str, Any]] | None:
        """The messages that have come; None when there will be no more."""
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        if not data:
            return None
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def death(self) -> str:
        """A sentence about why it died."""
        code = self.process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            killed = "; the machine may have run out of memory" if name == "SIGKILL" else ""
            cause = f"was ended by {name}{killed}"
        else:
            cause = f"ended with exit code {code}"
        with self.log.open("rb") as file:
            file.seek(self.log_start)
            lines = file.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
        last = f"; it last said: {lines[-1][:200]}" if lines else ""
        return f"its process {cause}{last}"

    def close(self) -> None:
        """Let it end when it has nothing to do; with a cell under way it saves that and ends."""
        if self.process.stdin and not self.process.stdin.closed:
            with contextlib.suppress(OSError):
                self.process.stdin.close()

    def kill(self) -> None:
        """End it and what it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (OSError, AttributeError):
            self.process.kill()
        self.process.wait()
        self.drop()

    def drop(self) -> None:
        """Close the ends of its wire."""
        for end in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                if end is not None:
                    end.close()


def run_cells(
    cells: Sequence[tuple[Cell, Job]], jobs: int, logs: Path, lock: IO[str] | None, observe: Observer
) -> dict[Cell, Ended]:
    """Run all cells, ``jobs`` at a time; how each ended.

    Raises:
        GuerdonError: if processes cannot be started.
        KeyboardInterrupt: on Ctrl-C, after the processes have saved what they did.
    """
    pool = Pool(deque(cells), logs, lock, observe)
    try:
        for _ in range(min(jobs, len(cells))):
            pool.start()
        while pool.workers:
            pool.look(0.25)
    except KeyboardInterrupt:
        pool.stop()
        raise
    finally:
        pool.kill()
    return pool.ended


class Pool:
    """The processes."""

    def __init__(self, waiting: deque[tuple[Cell, Job]], logs: Path, lock: IO[str] | None, observe: Observer) -> None:
        self.waiting, self.logs, self.lock, self.observe = waiting, logs, lock, observe
        self.workers: list[Worker] = []
        self.ended: dict[Cell, Ended] = {}
        self.selector = selectors.DefaultSelector()
        self.started, self.barren = 0, 0

    def start(self) -> None:
        """One more process."""
        worker = Worker(self.logs / f"process_{self.started}.log", self.lock)
        self.started += 1
        self.workers.append(worker)
        self.selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # pyright: ignore[reportArgumentType]

    def look(self, seconds: float) -> None:
        """Take what the processes have said, and give them what they are to do."""
        for key, _ in self.selector.select(seconds):
            worker: Worker = key.data
            messages = worker.read()
            if messages is None:
                self._lost(worker)
                continue
            for message in messages:
                self._heard(worker, message)

    def _heard(self, worker: Worker, message: dict[str, Any]) -> None:
        if worker.cell is not None:
            self.observe(worker.cell, message)
        if "end" in message and worker.cell is not None:
            self.ended[worker.cell] = Ended(message["end"], message["reason"])
            worker.cell, self.barren = None, 0
        if "end" in message or "ready" in message:
            if self.waiting:
                cell, job = self.waiting.popleft()
                worker.give(cell, job)
                self.observe(cell, {"begun": True})
            else:
                worker.close()

    def _lost(self, worker: Worker) -> None:
        """A process is gone: after its work, or in the middle of it."""
        self.selector.unregister(worker.process.stdout)  # pyright: ignore[reportArgumentType]
        self.workers.remove(worker)
        reason = worker.death()
        worker.drop()
        if worker.cell is not None:
            self.ended[worker.cell] = Ended("failed", reason)
            self.observe(worker.cell, {"end": "failed", "reason": reason})
        elif self.waiting:
            self.barren += 1
            if self.barren > 2:
                raise GuerdonError(f"the processes of a comparison must start, but {reason}")
        if len(self.waiting) > len([other for other in self.workers if other.cell is None]):
            self.start()

    def stop(self) -> None:
        """Have every process save its step and end; a second Ctrl-C does not wait for that."""
        self.waiting.clear()
        until = time.monotonic() + PATIENCE
        for worker in self.workers:
            worker.close()
        try:
            while self.workers and time.monotonic() < until:
                self.look(0.25)
        except KeyboardInterrupt:
            pass

    def kill(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()
        self.selector.close()


__all__ = ["Ended", "run_cells"]

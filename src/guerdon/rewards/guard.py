"""Foreign scoring code, called so that it cannot hang, crash or poison a run.

Idea
    Scoring functions hang, raise, print without end, return None or NaN, and take the process with them. Each is
    called in a worker process under a time limit that is enforced by killing the worker, so it holds for loops in C
    and from any thread. Whatever goes wrong costs one sample: it is unscored (NaN) and the reason is kept.
    A server process loads the function once and forks a worker in milliseconds, so a kill repeats no slow import.
Reads
    Nothing; ``scored.py``, ``verifier.py`` and ``function.py`` call it.
Deviations
    A guard against accidents, not a sandbox: the function runs with the rights of the user.
"""

import json
import math
import pickle
import select
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from guerdon.base import Piece
from guerdon.errors import GuerdonError
from guerdon.rewards import _worker
from guerdon.rewards._in_process import call_all
from guerdon.rewards._outcome import Outcome as Outcome
from guerdon.rewards._outcome import cached
from guerdon.rewards._pool import Job, Pool, Setup, Worker, pool
from guerdon.rewards.cache import identity, key_of
from guerdon.rewards.reasons import passing
from guerdon.rewards.retry import Retry

Call = tuple[Any, ...] | Mapping[str, Any]
"""Arguments of one sample: positional, or keywords."""
CHUNK = 64
"""Jobs given to a worker at a time."""


@dataclass(frozen=True)
class Guard(Piece):
    """``guard(function, calls)`` gives one outcome per call, in order, whatever the function does.

    A call by keywords may give more than the function takes; the rest is left out.
    """

    timeout: float = 10.0
    """Seconds for one call. A call that imports modules gets them anew with each, up to ``start_timeout``."""
    workers: int = 1
    """How many calls run at the same time: in processes; in this process as tasks of an event loop where the function
    is ``async def``, else in threads."""
    isolate: bool = True
    """Call in worker processes. False is for trusted functions: in this process, exceptions and bad values cost one
    sample, but a crash (``os._exit``, a segmentation fault) takes the run with it, and a hang is not stopped (with
    more than one worker it is left behind after ``timeout``)."""
    batched: bool = False
    """The function takes each argument as a list and returns one score per sample. A batch that raises or runs out
    of time is called again sample by sample."""
    start_timeout: float = 120.0
    """Seconds for loading the function."""
    memory_mb: int | None = None
    """Address space of a worker in MiB; None: no limit. Beyond it the function sees a MemoryError."""
    retry: Retry | None = None
    """Try calls again that raised, crashed or ran out of time; None: every call has one try."""
    cache: str | None = None
    """File that keeps scores by the content of what was scored, also for other runs; see ``cache.py``."""

    def __post_init__(self) -> None:
        if not (self.timeout > 0 and self.start_timeout > 0):
            raise GuerdonError(f"a guard's time limits must be positive, got {self.timeout} and {self.start_timeout}")
        if self.workers < 1:
            raise GuerdonError(f"a guard needs at least 1 worker, got {self.workers}")

    def __call__(self, function: Callable[..., Any] | str, calls: Sequence[Call]) -> list[Outcome]:
        """Score every call; ``function`` is picklable or an import path ``package.module:name``.

        Raises:
            GuerdonError: if the function cannot be loaded. What goes wrong in a call is an outcome, not an error.
        """
        if not calls:
            return []
        arguments = [dict(call) if isinstance(call, Mapping) else call for call in calls]
        if self.cache is None:
            return self._tried(function, arguments)
        rule = identity(function)
        return cached(
            self.cache,
            [key_of(rule, each) for each in arguments],
            lambda rows: self._tried(function, [arguments[row] for row in rows]),
            None if self.batched else max(64, 16 * self.workers),
        )

    def _tried(self, function: Callable[..., Any] | str, calls: list[Any]) -> list[Outcome]:
        """The outcomes, after as many tries as ``retry`` allows."""
        if not calls:
            return []
        outcomes = self._called(function, calls)
        for wait in self.retry.waits(str(key_of("", calls[0]))) if self.retry else ():
            failed = [row for row, outcome in enumerate(outcomes) if passing(outcome.reason)]
            if not failed:
                break
            time.sleep(wait)
            for row, outcome in zip(failed, self._called(function, [calls[row] for row in failed]), strict=True):
                outcomes[row] = outcome
        return outcomes

    def _called(self, function: Callable[..., Any] | str, arguments: list[Any]) -> list[Outcome]:
        """The outcomes of one try."""
        keywords = tuple(arguments[0]) if isinstance(arguments[0], dict) else ()
        if not self.isolate:
            found = _loaded(function, keywords)
            options = {"batched": self.batched, "workers": self.workers, "timeout": self.timeout}
            return [Outcome(*score) for score in call_all(found, keywords, arguments, **options)]
        target = function if isinstance(function, str) else _pickled(function)
        shared = pool(Setup(target, keywords, self.batched, self.memory_mb, self.start_timeout))
        with shared.lock:
            current = _Round(self, shared, arguments)
            try:
                return current.run()
            except BaseException:
                shared.idle.extend(current.busy)
                shared.close()
                raise


def _pickled(function: Callable[..., Any]) -> bytes:
    try:
        return pickle.dumps(function, pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        raise GuerdonError(
            f"a scoring function must be picklable to run in a worker, got {_worker.explain(error)}; "
            "define it at the top of a module"
        ) from None


def _loaded(function: Callable[..., Any] | str, keywords: tuple[str, ...]) -> Callable[..., Any]:
    try:
        found = _worker.resolve(function) if isinstance(function, str) else function
        _worker.fitted(found, keywords)
    except Exception as error:
        raise GuerdonError(f"the scoring function must load, got {_worker.explain(error)}") from error
    return found


class _Round:
    """One pass over a list of calls: what is waiting, what is running, what has come back."""

    def __init__(self, guard: Guard, shared: Pool, calls: list[Any]) -> None:
        self.guard, self.pool, self.calls = guard, shared, calls
        self.outcomes: list[Outcome] = [Outcome(math.nan, "not called")] * len(calls)
        self.queue: deque[Job] = deque()
        self.busy: list[Worker] = []

    def run(self) -> list[Outcome]:
        """One outcome per call. Each turn answers or fails at least one job, or waits for a deadline."""
        size = math.ceil(len(self.calls) / self.guard.workers) if self.guard.batched else 1
        for start in range(0, len(self.calls), size):
            self._enqueue(list(range(start, min(start + size, len(self.calls)))))
        while self.queue or self.busy:
            self._dispatch()
            for worker in self._readable():
                self._read(worker)
            now = time.monotonic()
            # Starting or burying another worker may have taken a while: what is written by now is in time.
            for worker in [worker for worker in self.busy if now > worker.deadline and worker.is_quiet()]:
                self._fail(worker, f"no score within {self.guard.timeout:g} s")
        return self.outcomes

    def _enqueue(self, samples: list[int]) -> None:
        """Add a job; a sample whose arguments cannot be sent is unscored at once."""
        arguments = [self.calls[sample] for sample in samples]
        try:
            data = pickle.dumps(arguments if self.guard.batched else arguments[0], pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            self._give_up(samples, f"the arguments cannot be sent to a worker: {_worker.explain(error)}")
            return
        self.queue.append(Job(samples, data))

    def _give_up(self, samples: list[int], reason: str) -> None:
        """A failed sample is unscored; a failed batch is tried again sample by sample."""
        if len(samples) == 1:
            self.outcomes[samples[0]] = Outcome(math.nan, reason)
            return
        for sample in samples:
            self._enqueue([sample])

    def _dispatch(self) -> None:
        """Give jobs to free workers."""
        while self.queue and len(self.busy) < self.guard.workers:
            worker = self.pool.worker()
            share = math.ceil(len(self.queue) / (2 * self.guard.workers))
            worker.jobs.extend(self.queue.popleft() for _ in range(min(share, CHUNK)))
            self._restart_clock(worker)
            self.busy.append(worker)
            with suppress(OSError):  # a worker that died meanwhile is found when it is read
                _worker.send(worker.sock, [(job.samples[0], job.data) for job in worker.jobs])

    def _restart_clock(self, worker: Worker) -> None:
        now = time.monotonic()
        worker.deadline = now + self.guard.timeout
        worker.limit = now + max(self.guard.start_timeout, self.guard.timeout)

    def _readable(self) -> list[Worker]:
        """Busy workers that have written something, waiting until the next deadline at most."""
        if not self.busy:
            return []
        patience = max(min(worker.deadline for worker in self.busy) - time.monotonic(), 0.0)
        poll = select.poll()  # a turn is a line of one worker: an epoll of its own would cost more than the rest
        for worker in self.busy:
            poll.register(worker.sock, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(min(patience, 3600.0) * 1000 + 1)}
        return [worker for worker in self.busy if worker.sock.fileno() in ready]

    def _read(self, worker: Worker) -> None:
        """Take in what a worker has written."""
        try:
            data = worker.sock.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._fail(worker, self.pool.how_it_ended(worker))
            return
        *lines, worker.buffer = (worker.buffer + data).split(b"\n")
        try:
            for line in lines:
                self._take(worker, json.loads(line))
        except (ValueError, LookupError, TypeError):
            self._fail(worker, "the function wrote into the worker's connection")
            return
        if not worker.jobs:
            self.busy.remove(worker)
            self.pool.idle.append(worker)

    def _take(self, worker: Worker, answer: dict[str, Any]) -> None:
        """One line: a module was imported, or the running job is done."""
        if "import" in answer:
            if answer["import"] not in worker.imported:
                worker.imported.add(answer["import"])
                self.pool.modules[answer["import"]] = None
                worker.deadline = min(time.monotonic() + self.guard.timeout, worker.limit)
            return
        job = worker.jobs[0]
        if answer["job"] != job.samples[0]:
            raise ValueError
        if answer["scores"] is None:
            self._give_up(job.samples, answer["reason"])
        else:
            for sample, (value, reason) in zip(job.samples, answer["scores"], strict=True):
                self.outcomes[sample] = Outcome(value, reason)
        worker.jobs.popleft()
        self._restart_clock(worker)

    def _fail(self, worker: Worker, reason: str) -> None:
        """End a worker: the job it was at has failed, those behind it go back into the queue."""
        self.busy.remove(worker)
        running, *waiting = worker.jobs
        self.queue.extendleft(reversed(waiting))
        self._give_up(running.samples, reason)
        self.pool.end(worker)

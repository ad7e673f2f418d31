"""Trusted scoring functions called in this process: one after the other, in threads, or as tasks of an event loop."""

import asyncio
import contextlib
import inspect
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from guerdon.rewards import _worker
from guerdon.rewards._worker import Score

Job = list[int]
"""Numbers of the calls that are made together."""
Answer = tuple[list[Score] | None, str]
"""Scores of a job, or None and why it failed."""
NAN = float("nan")


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def call_all(
    function: Callable[..., Any],
    keywords: tuple[str, ...],
    calls: list[Any],
    *,
    batched: bool,
    workers: int,
    timeout: float,
) -> list[Score]:
    """One score per call. A batch that fails is called again sample by sample."""
    fitted = _worker.fitted(function, keywords)
    size = -(-len(calls) // workers) if batched else 1
    jobs = [list(range(start, min(start + size, len(calls)))) for start in range(0, len(calls), size)]
    scores: list[Score] = [(NAN, "not called")] * len(calls)
    while jobs:
        arguments = [[calls[number] for number in job] if batched else calls[job[0]] for job in jobs]
        if is_async(function):
            answers = _tasks(fitted, arguments, batched, workers, timeout)
        elif workers == 1:
            answers = [_attempt(fitted, each, batched) for each in arguments]
        else:
            answers = _threads(fitted, arguments, batched, workers, timeout)
        again: list[Job] = []
        for job, (found, reason) in zip(jobs, answers, strict=True):
            if found is None and len(job) > 1:
                again += [[number] for number in job]
                continue
            for number, score in zip(job, found or [(NAN, reason)], strict=True):
                scores[number] = score
        jobs = again
    return scores


def _attempt(function: Callable[..., Any], arguments: Any, batched: bool) -> Answer:
    try:
        return _worker.attempt(function, arguments, batched), ""
    except (Exception, SystemExit) as error:
        return None, _worker.explain(error)


def _late(timeout: float) -> Answer:
    return None, f"no score within {timeout:g} s"


def _tasks(function: Callable[..., Any], calls: list[Any], batched: bool, workers: int, timeout: float) -> list[Answer]:
    """Coroutines, ``workers`` at a time, in an event loop of their own thread (the caller may be inside one)."""
    answers: list[Answer] = [_late(timeout)] * len(calls)

    async def answer(arguments: Any) -> Answer:
        # Caught in here, because a SystemExit that leaves a task ends the whole loop.
        try:
            return _worker.judged(await _worker.call(function, arguments, batched), arguments, batched), ""
        except (Exception, SystemExit) as error:
            return None, _worker.explain(error)

    async def one(number: int, limit: asyncio.Semaphore) -> None:
        async with limit:
            with contextlib.suppress(asyncio.TimeoutError):
                answers[number] = await asyncio.wait_for(answer(calls[number]), timeout)

    async def together() -> None:
        limit = asyncio.Semaphore(workers)
        await asyncio.gather(*(one(number, limit) for number in range(len(calls))))

    thread = threading.Thread(target=lambda: asyncio.run(together()), daemon=True)
    thread.start()
    thread.join()
    return answers


class _Crew:
    """Threads that take calls from one queue. A late one cannot be stopped: it is given up and replaced."""

    def __init__(self, function: Callable[..., Any], calls: list[Any], batched: bool) -> None:
        self.function, self.calls, self.batched = function, calls, batched
        self.waiting = deque(range(len(calls)))
        self.begun: dict[int, float] = {}
        """Running call -> when it began."""
        self.done: queue.SimpleQueue[tuple[int, Answer]] = queue.SimpleQueue()
        self.given_up: set[int] = set()

    def start(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                number = self.waiting.popleft()
            except IndexError:
                return
            self.begun[number] = time.monotonic()
            answer = _attempt(self.function, self.calls[number], self.batched)
            self.done.put((number, answer))
            self.begun.pop(number, None)
            if number in self.given_up:
                return


def _threads(
    function: Callable[..., Any], calls: list[Any], batched: bool, workers: int, timeout: float
) -> list[Answer]:
    """Calls in ``workers`` threads."""
    crew, answers = _Crew(function, calls, batched), {}
    for _ in range(min(workers, len(calls))):
        crew.start()
    while len(answers) < len(calls):
        try:
            number, answer = crew.done.get(timeout=min(timeout, 0.05))
            answers.setdefault(number, answer)
        except queue.Empty:
            pass
        now = time.monotonic()
        for number, begun in list(crew.begun.items()):
            if now - begun > timeout and number not in answers:
                answers[number] = _late(timeout)
                crew.given_up.add(number)
                crew.start()
    return [answers[number] for number in range(len(calls))]


__all__ = ["call_all", "is_async"]

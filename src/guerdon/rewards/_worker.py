"""The far side of ``guard.py``: a server that loads a scoring function once and forks workers that call it.

Standard library only, and run as a script, so a worker holds nothing but what the function imports.

Wire
    Main to server: frames (8 bytes of length, then a pickle); a ``fork`` frame carries the worker's socket.
    Main to worker: frames, each a list of (job number, pickled arguments).
    Worker to main: lines of JSON, in order: ``{"job", "scores", "reason"}`` per job, ``{"import"}`` per new module.
    JSON holds no code, so nothing that a function returns is executed in the main process.
"""

import contextlib
import gc
import importlib
import inspect
import json
import math
import numbers
import os
import pickle
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any

HEADER = struct.Struct("!Q")
REASON_LENGTH = 400
NAME = "guerdon_reward_worker"

Score = tuple[float | dict[str, float], str]
"""Value (NaN where there is none; a dict for named components) and the reason why there is none, or ""."""


def send(sock: socket.socket, value: Any, fds: Sequence[int] = ()) -> None:
    """Send one frame, with open files attached to it."""
    data = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    socket.send_fds(sock, [HEADER.pack(len(data))], fds)
    sock.sendall(data)


def receive(sock: socket.socket) -> tuple[Any, list[int]]:
    """The next frame and the files attached to it.

    Raises:
        EOFError: if the other side is gone.
    """
    header, fds = b"", []
    while len(header) < HEADER.size:
        data, more, _, _ = socket.recv_fds(sock, HEADER.size - len(header), 1)
        if not data:
            raise EOFError
        header, fds = header + data, [*fds, *more]
    (length,) = HEADER.unpack(header)
    body = bytearray()
    while len(body) < length:
        data = sock.recv(min(length - len(body), 1 << 20))
        if not data:
            raise EOFError
        body += data
    return pickle.loads(body), fds


def resolve(path: str) -> Callable[..., Any]:
    """The object that ``package.module:name`` names.

    Raises:
        ImportError: if there is no such module or name.
    """
    module, _, name = path.partition(":")
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise ImportError(f"module {module!r} has no {name!r}") from None
    if not callable(found):
        raise ImportError(f"{path} is no function but {type(found).__name__}")
    return found


def fitted(function: Callable[..., Any], keywords: Sequence[str]) -> Callable[..., Any]:
    """The function, called with those of the keywords that it takes; no keywords leave it as it is.

    Raises:
        TypeError: if it needs an argument that is not among them.
    """
    if not keywords:
        return function
    parameters = inspect.signature(function).parameters.values()
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = {item.name for item in parameters if item.default is item.empty and item.kind not in kinds}
    if missing := sorted(needed - set(keywords)):
        raise TypeError(f"it needs {', '.join(missing)}, but is given {', '.join(keywords)}")
    if any(item.kind is item.VAR_KEYWORD for item in parameters):
        return function
    taken = [item.name for item in parameters if item.name in keywords]

    def call(**given: Any) -> Any:
        return function(**{name: given[name] for name in taken})

    return call


def explain(error: BaseException) -> str:
    """``ValueError: what it says (file.py:12)``, cut to a length that a table can hold."""
    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except Exception:
        text = f"{type(error).__name__} (its message cannot be shown)"
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    where = f" ({os.path.basename(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
    return text[:REASON_LENGTH] + where


def number(value: Any) -> tuple[float, str]:
    """A returned number as (float, ""); anything else as (NaN, reason)."""
    if type(value) is float and math.isfinite(value):
        return value, ""
    if value is None:
        return math.nan, "unscored: the function returned None"
    if not isinstance(value, numbers.Real) and getattr(value, "shape", None) != ():
        return math.nan, f"the function must return a number or None, got {type(value).__name__}"
    real = float(value)
    return (real, "") if math.isfinite(real) else (math.nan, f"the function returned {real}")


def judge(value: Any) -> Score:
    """What a function returned, as a score."""
    if not isinstance(value, dict):
        return number(value)
    if not value or not all(isinstance(key, str) for key in value):
        return math.nan, f"the function must name its components by texts, got keys {list(value)[:5]!r}"
    parts = {key: number(part) for key, part in value.items()}
    reasons = [f"{key}: {reason}" for key, (_, reason) in parts.items() if reason]
    return {key: real for key, (real, _) in parts.items()}, "; ".join(reasons)[:REASON_LENGTH]


def attempt(function: Callable[..., Any], arguments: Any, batched: bool) -> list[Score]:
    """Call the function on one sample, or on a list of samples, and judge what it returns. It may be ``async def``.

    ``arguments`` of a sample are a tuple, or a dict of keywords; of a batch, a list of them, and the function gets
    each argument as a list. Whatever the function raises is raised.
    """
    value = call(function, arguments, batched)
    if inspect.iscoroutine(value):
        import asyncio

        value = asyncio.run(value)
    return judged(value, arguments, batched)


def call(function: Callable[..., Any], arguments: Any, batched: bool) -> Any:
    """What the function returns, or its coroutine."""
    if not batched:
        return function(**arguments) if isinstance(arguments, dict) else function(*arguments)
    if isinstance(arguments[0], dict):
        return function(**{key: [sample[key] for sample in arguments] for key in arguments[0]})
    return function(*map(list, zip(*arguments, strict=True)))


def judged(value: Any, arguments: Any, batched: bool) -> list[Score]:
    """What the function returned, as one score per sample."""
    if not batched:
        return [judge(value)]
    values = list(value)
    if len(values) != len(arguments):
        reason = f"the function returned {len(values)} scores for {len(arguments)} samples"
        return [(math.nan, reason)] * len(arguments)
    return [judge(value) for value in values]


def serve(sock: socket.socket, function: Callable[..., Any], batched: bool) -> None:
    """A worker's life: take jobs, answer each in its turn, until the main process hangs up."""
    owner = os.getpid()

    def tell(**facts: Any) -> None:
        sock.sendall(json.dumps(facts).encode() + b"\n")

    def watch(event: str, details: tuple[Any, ...]) -> None:
        if event == "import" and os.getpid() == owner:
            tell(**{"import": str(details[0])})

    sys.addaudithook(watch)
    while True:
        jobs, _ = receive(sock)
        for job, data in jobs:
            try:
                scores, reason = attempt(function, pickle.loads(data), batched), ""
            except BaseException as error:
                scores, reason = None, explain(error)
            tell(job=job, scores=scores, reason=reason)


def become_worker(memory_mb: int | None) -> None:
    """What a fresh fork does before it runs foreign code: a process group of its own, first to go when memory ends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: no worker outlives its server (Linux)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    if memory_mb is not None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))


class Server:
    """Holds the loaded function, forks workers on request, reports their ends, and kills them all when main is gone."""

    def __init__(self, control: socket.socket, setup: dict[str, Any]) -> None:
        """Load the function. Whatever that raises is raised."""
        self.control, self.setup = control, setup
        target = setup["function"]
        loaded = resolve(target) if isinstance(target, str) else pickle.loads(target)
        self.function = fitted(loaded, setup["keywords"])
        self.children: set[int] = set()
        self.wake, wake_end = socket.socketpair()
        self.wake.setblocking(False)
        wake_end.setblocking(False)
        self.wake_end = wake_end
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)

    def run(self) -> None:
        """Serve until the main process hangs up."""
        import select

        gc.freeze()
        try:
            while True:
                ready, _, _ = select.select([self.control, self.wake], [], [])
                if self.wake in ready:
                    with contextlib.suppress(BlockingIOError):
                        self.wake.recv(4096)
                    self.reap()
                if self.control in ready:
                    self.obey(*receive(self.control))
        except (EOFError, OSError):
            for pid in self.children:
                kill_group(pid)

    def obey(self, command: dict[str, Any], fds: list[int]) -> None:
        """``{"kill": pid}`` or ``{"fork": modules to import before it}`` with the worker's socket."""
        if "kill" in command:
            if command["kill"] in self.children:
                kill_group(command["kill"])
            return
        for module in command["fork"]:
            with contextlib.suppress(BaseException):
                importlib.import_module(module)
        pid = os.fork()
        if pid == 0:
            try:
                become_worker(self.setup["memory_mb"])
                for sock in (self.control, self.wake, self.wake_end):
                    sock.close()
                serve(socket.socket(fileno=fds[0]), self.function, self.setup["batched"])
            finally:
                os._exit(0)
        os.close(fds[0])
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # in both processes, so that neither has to wait for the other
        self.children.add(pid)
        send(self.control, {"pid": pid})

    def reap(self) -> None:
        """Collect dead workers, end what they had started, and report how they ended."""
        while self.children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            kill_group(pid)
            self.children.discard(pid)
            send(self.control, {"exit": pid, "status": os.waitstatus_to_exitcode(status)})


def kill_group(pid: int) -> None:
    """Kill a worker and whatever it started."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def main(fd: int) -> None:
    """Load the function that the first frame names, report, and serve."""
    control = socket.socket(fileno=fd)
    setup, _ = receive(control)
    sys.path[:] = setup["path"]
    try:
        server = Server(control, setup)
    except BaseException as error:
        send(control, {"failed": explain(error)})
        return
    send(control, {"ready": os.getpid()})
    server.run()


if __name__ == NAME:
    main(int(sys.argv[2]))

"""Scoring functions that misbehave, for the tests of the guard. Imports no torch."""

import contextlib
import ctypes
import math
import os
import subprocess
import sys
import threading
import time
from fractions import Fraction


def good(x):
    return x


def length(text):
    return len(text)


def name(text):
    return text


def named(*, prompt, response):
    return {"same": float(prompt == response), "length": len(response)}


def holds_torch(x):
    return float("torch" in sys.modules)


def process(x):
    return os.getpid()


def touchy(kind):
    """Does what its argument says."""
    return KINDS[kind]()


def brief():
    time.sleep(0.2)
    return 1.0


def kill_parent():
    os.kill(os.getppid(), 9)
    time.sleep(60)


def spin():
    while True:
        pass


def spin_in_c():
    return sum(iter(lambda: 0, 1))


def deep():
    return deep() + 1


def flood():
    print("x" * 100_000_000)
    os.write(1, b"y" * 1_000_000)
    sys.stderr.write("z" * 1_000_000)
    return 1.0


def unclear():
    class Unclear(Exception):
        def __str__(self):
            raise RuntimeError

    raise Unclear


def swallow():
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)


def thread_hang():
    thread = threading.Thread(target=spin)
    thread.start()
    thread.join()


def start_child():
    child = subprocess.Popen(["sleep", "987654"])
    child.wait()


def leave_child():
    subprocess.Popen(["sleep", "987654"])
    os._exit(7)


def throw(error):
    raise error


def allocate():
    return float(len(bytearray(4 << 30)))


KINDS = {
    "fine": lambda: 1,
    "brief": brief,
    "bool": lambda: True,
    "fraction": lambda: Fraction(1, 2),
    "sleep": lambda: time.sleep(60),
    "spin": spin,
    "spin_in_c": spin_in_c,
    "swallow": swallow,
    "thread_hang": thread_hang,
    "start_child": start_child,
    "leave_child": leave_child,
    "raise": lambda: throw(ValueError("bad sample")),
    "unclear": unclear,
    "interrupt": lambda: throw(KeyboardInterrupt()),
    "exit": lambda: sys.exit(3),
    "recursion": deep,
    "nan": lambda: math.nan,
    "inf": lambda: -math.inf,
    "none": lambda: None,
    "string": lambda: "1.0",
    "list": lambda: [1.0],
    "huge": lambda: 10**400,
    "odd_keys": lambda: {1: 1.0},
    "empty": lambda: {},
    "part": lambda: {"a": 1, "b": None, "c": math.nan},
    "hard_exit": lambda: os._exit(7),
    "segfault": lambda: ctypes.string_at(0),
    "flood": flood,
    "input": lambda: input(),
    "memory": allocate,
    "kill_parent": kill_parent,
    "close_everything": lambda: os.closerange(3, 100),
    "garbage": lambda: [os.write(fd, b"{}\n") for fd in range(3, 20) if is_socket(fd)] and None,
}


def is_socket(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}").startswith("socket")
    except OSError:
        return False


def batch_of_kinds(kinds):
    return [KINDS[kind]() for kind in kinds]


def too_few(values):
    return values[1:]


def slow_import(x):
    import slow_module_for_test

    return slow_module_for_test.VALUE


class Unpicklable:
    def __reduce__(self):
        raise TypeError("stays here")


class Hostile:
    def __reduce__(self):
        return os._exit, (9,)


def matches(*, problem, response):
    """A user's own reward: 1 for the reference answer, None for nothing at all."""
    return float(response == problem.answer) if response else None


def graded(*, prompt, response, source, **columns):
    if response == "boom":
        raise ValueError(f"{prompt}/{source}/{sorted(columns)}")
    if response == "part":
        return {"a": 1.0}
    if response == "one":
        return 1.0
    if response == "more":
        return {"a": 1.0, "b": 2.0, "c": 3.0}
    return {"a": len(response), "b": None}


def truncation(*, response, truncated):
    return float(truncated)


def lengths(*, response):
    return [len(item) for item in response]


def problem_without_torch(*, problem):
    return {"answer": float(problem.answer), "torch": float("torch" in sys.modules)}


def many(values):
    return values


def fails_at_first(path):
    """Raises, crashes or hangs until its third call; counts in a file, so also across processes."""
    with open(path, "a") as file:
        file.write("x")
    tries = os.path.getsize(path)
    if tries == 1:
        raise ConnectionError("busy")
    if tries == 2:
        time.sleep(60)
    return tries


async def waits(seconds):
    import asyncio

    await asyncio.sleep(seconds)
    return seconds


async def waits_for_all(seconds):
    return [await waits(each) for each in seconds]


async def async_touchy(kind):
    return await waits(60) if kind == "sleep" else KINDS[kind]()


def naps(seconds):
    time.sleep(seconds)
    return seconds


def by_the_letter(*, response, step, progress, seed):
    """Misbehaves by the first letter of what a policy wrote, for a whole run; else its length."""
    kind = MISDEEDS.get(sum(response.encode()) % 8)
    return len(response) + 0 * (step + progress + seed) if kind is None else KINDS[kind]()


MISDEEDS = {0: "hard_exit", 1: "nan", 2: "raise", 3: "print", 4: "wrong", 5: "sleep"}


def print_much():
    print("x" * 50_000_000)
    return 1.0


KINDS["print"] = print_much
KINDS["wrong"] = lambda: [1.0, 2.0]


def state_of_the_run(*, step, progress, seed, response):
    return {"step": step, "progress": progress, "seed": seed}


def by_kind(*, response):
    return KINDS[response]()


def wrong_count(*, response):
    return [1.0] if len(response) > 1 else [1.0, 1.0]


def nap_a_while(*, response):
    time.sleep(1.0)
    return 1.0


def print_gigabytes(count):
    for _ in range(count * 1024):
        os.write(1, b"x" * (1 << 20))
        os.write(2, b"y" * (1 << 10))
    return count


def raise_much(size):
    raise ValueError("x" * size)

"""Tests on one side, the tested program on the other, and nothing but plain data between them. Runs in the sandbox.

Idea
    Two processes. The *judge* is closed to other processes before it forks, and reads the tests only afterwards. The
    *program* never holds the tests, the expected values or the judge's output; it is asked to call its functions and
    answers with data, from which the judge builds objects of its own. So a verdict cannot be printed, and an
    ``__eq__`` that is always true, a patched ``assert`` or an early exit happen on the wrong side.

Wire
    Judge in: a marshalled dict (``verdict.py``) on stdin. Judge out: lines ``NUMBER pass`` or ``NUMBER fail WHY``, then
    ``done``, on stdout. Between the two: lines of JSON over pipes; values as in ``pack``.
Standard library only, and given to Python as text. What programs import most is imported before the fork.
"""

import _ctypes
import builtins
import collections
import collections.abc
import contextlib
import functools  # noqa: F401
import heapq  # noqa: F401
import itertools
import json
import marshal
import math  # noqa: F401
import os
import sys
import types
import typing  # noqa: F401

LONGEST, MOST = 1 << 26, 1_000_000
"""Bytes of one answer; items that are taken from an iterator."""
SEQUENCES = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset, "deque": collections.deque}
MAPPINGS = {"Counter": collections.Counter, "OrderedDict": collections.OrderedDict, "dict": dict}


class Unreadable(Exception):
    """A value that cannot cross."""


# Values: None, bool, int, float and str are themselves; [k] is node k of a list of nodes [kind, parts ...].


def pack(value, classes, foreign):
    """A value as JSON-able data; shared parts stay shared, and neither depth nor cycles matter.

    Objects of the ``classes`` that both sides know are taken apart; ``foreign`` says what stands for any other.
    """
    numbers, nodes, keep, queue = {}, [], [], collections.deque()

    def reference(part):
        kind = type(part)
        if part is None or kind in (bool, int, float, str):
            return part
        for plain in (int, float, str):  # a subclass loses what it has overridden
            if isinstance(part, plain):
                return getattr(plain, f"__{plain.__name__}__")(part)
        if kind.__module__ == "numpy" and not getattr(part, "shape", None):
            return reference(part.item())
        if id(part) not in numbers:
            numbers[id(part)] = len(nodes)
            nodes.append(None)
            keep.append(part)
            queue.append(part)
        return [numbers[id(part)]]

    root = reference(value)
    while queue:
        part = queue.popleft()
        known = type(part).__name__ in classes and not isinstance(part, type)
        nodes[numbers[id(part)]] = node(part, reference) or (attributes(part, reference) if known else foreign(part))
    return [root, nodes]


def node(part, reference):
    """One compound value: its kind and what it is made of; None for objects."""
    for name, kind in SEQUENCES.items():
        if isinstance(part, kind):
            return [name, *map(reference, kind.__iter__(part))]
    for name, kind in MAPPINGS.items():
        if isinstance(part, kind):
            return [name, *itertools.chain.from_iterable((reference(k), reference(v)) for k, v in kind.items(part))]
    if isinstance(part, (bytes, bytearray)):
        return [type(part).__name__, bytes(part).hex()]
    if isinstance(part, complex):
        return ["complex", part.real, part.imag]
    if isinstance(part, range):
        return ["range", part.start, part.stop, part.step]
    for name, view in (("keys", {}.keys()), ("values", {}.values()), ("items", {}.items())):
        if isinstance(part, type(view)):
            return [name, reference(list(part))]
    if isinstance(part, collections.abc.Iterator):
        return ["iterator", reference(list(itertools.islice(part, MOST)))]
    return None


def attributes(part, reference):
    """An object of a class that both sides know."""
    names = [*getattr(part, "__dict__", ()), *getattr(type(part), "__slots__", ())]
    return [
        "object",
        type(part).__name__,
        *itertools.chain.from_iterable((n, reference(getattr(part, n))) for n in names),
    ]


def unpack(data, classes, foreign):
    """The value again; objects become those of ``classes``, by name, with their attributes set past any code of theirs."""
    root, nodes = data
    made = {}
    for number, (kind, *parts) in enumerate(nodes):
        if kind in ("list", "set", "deque"):
            made[number] = SEQUENCES[kind]()
        elif kind in MAPPINGS:
            made[number] = MAPPINGS[kind]()
        elif kind == "object":
            if parts[0] not in classes:
                raise Unreadable(f"a {parts[0]} is not known to the other side")
            made[number] = object.__new__(classes[parts[0]])
        elif kind == "foreign":
            made[number] = foreign(*parts)

    def get(part):
        return build(part[0]) if type(part) is list else part

    def build(number):
        if number not in made:
            kind, *parts = nodes[number]
            made[number] = rebuilt(kind, parts, get)
        return made[number]

    later = []
    for number, (kind, *parts) in enumerate(nodes):
        if kind in ("list", "deque"):
            made[number].extend(map(get, parts))
        elif kind == "object":
            for name, part in zip(parts[1::2], parts[2::2], strict=True):
                if name[:2] == "__":
                    raise Unreadable(f"an attribute must not be called {name}")
                object.__setattr__(made[number], name, get(part))
        elif kind != "foreign":
            later.append((number, kind, parts))
    for number, kind, parts in later:  # hashing needs the objects to be complete
        if kind == "set":
            made[number].update(map(get, parts))
        elif kind in MAPPINGS:
            for key, part in zip(parts[::2], parts[1::2], strict=True):
                made[number][get(key)] = get(part)
    return get(root)


def rebuilt(kind, parts, get):
    """A value that cannot change after it was made."""
    if kind in ("tuple", "frozenset"):
        return SEQUENCES[kind](map(get, parts))
    if kind in ("bytes", "bytearray"):
        return getattr(builtins, kind).fromhex(parts[0])
    if kind in ("complex", "range"):
        return getattr(builtins, kind)(*parts)
    items = get(parts[0])
    if kind == "iterator":
        return iter(items)
    if kind == "keys":
        return dict.fromkeys(items).keys()
    if kind == "values":
        return dict(enumerate(items)).values()
    if kind == "items":
        return dict(items).items()
    raise Unreadable(f"a value of kind {kind!r}")


def prctl(option, value):
    """Linux only; elsewhere there is nothing of the kind."""
    with contextlib.suppress(AttributeError, OSError):
        library = _ctypes.dlopen(None, 0)  # pyright: ignore[reportArgumentType]
        _ctypes.call_function(_ctypes.dlsym(library, "prctl"), (option, value, 0, 0, 0))


def explain(error):
    """Name of the nearest built-in exception, and one line."""
    kind = next(base.__name__ for base in type(error).__mro__ if base.__module__ == "builtins")
    try:
        return [kind, f"{type(error).__name__}: {error}"[:300]]
    except Exception:
        return [kind, type(error).__name__]


def serve(requests, answers):
    """Load program.py, then call what is asked for until nobody asks any more."""
    module = sys.modules["program"] = types.ModuleType("program")
    sys.path.insert(0, os.getcwd())
    sys.argv = ["program.py"]
    entries, classes = json.loads(requests.readline())
    functions, held = {}, []

    def hold(part):
        held.append(part)
        return ["foreign", len(held) - 1, bool(part)]

    def target(number, owner, attribute):
        if owner is not None:
            return getattr(held[owner], attribute) if attribute else held[owner]
        if number not in functions:
            functions[number] = eval(entries[number], module.__dict__)
        return functions[number]

    def reply(where, arguments):
        found = target(*where)
        if arguments is None:
            return {"value": pack(found, classes, hold)}
        positional, named = unpack(arguments, module.__dict__, held.__getitem__)
        value = found(*positional, **named)
        # Where nothing is returned, what the arguments have become may be the result.
        return {
            "value": pack(value, classes, hold),
            "after": pack(positional, classes, hold) if value is None else None,
        }

    def answer(**facts):
        answers.write(json.dumps(facts) + "\n")
        answers.flush()

    try:
        with open("program.py", encoding="utf-8") as file:
            exec(compile(file.read(), "program.py", "exec"), module.__dict__)
    except BaseException as error:
        answer(error=explain(error))
        return
    answer(ready=True)
    for line in requests:
        try:
            facts = reply(*json.loads(line))
        except BaseException as error:
            facts = {"error": explain(error)}
        answer(**facts)


class Gone(BaseException):
    """The program is not there any more."""


class Program:
    """The other process, as seen by the judge."""

    def __init__(self):
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        prctl(4, 0)  # from here on nobody of the same user can look into this process, its files or its memory
        self.pid = os.fork()
        if self.pid == 0:
            try:
                prctl(4, 1)
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (0, 1, 2):
                    os.dup2(null, fd)
                for fd in (ours_out, ours_in, null):
                    os.close(fd)
                serve(os.fdopen(theirs_in), os.fdopen(theirs_out, "w"))
            finally:
                os._exit(0)
        os.close(theirs_in)
        os.close(theirs_out)
        self.requests, self.answers = os.fdopen(ours_out, "w"), os.fdopen(ours_in, "rb")
        self.classes = {}

    def hear(self):
        """The next answer; whatever is none is an error."""
        line = self.answers.readline(LONGEST)
        if not line.endswith(b"\n"):
            if len(line) >= LONGEST:
                raise Gone(f"the program's answer is longer than {LONGEST >> 20} MiB")
            status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            how = f"signal {-status}" if status < 0 else f"exit code {status}"
            raise Gone(f"the program ended with {how}")
        answer = json.loads(line)
        if "error" in answer:
            raise self.error(*answer["error"])
        return answer

    def tell(self, message):
        """Ask; a program that is gone is found when its answer is read."""
        with contextlib.suppress(BrokenPipeError):
            self.requests.write(json.dumps(message) + "\n")
            self.requests.flush()

    def error(self, kind, text):
        """The program's exception, of its built-in kind; one that ends loops of the tests would be a way to pass them."""
        found = getattr(builtins, str(kind), None)
        loop_end = (StopIteration, StopAsyncIteration)
        if isinstance(found, type) and issubclass(found, Exception) and not issubclass(found, loop_end):
            with contextlib.suppress(TypeError):
                return found(str(text))
        return RuntimeError(str(text))

    def ask(self, where, *arguments):
        """The value of something over there, or, with a tuple and a dict of arguments, of calling it."""
        self.tell([where, pack([list(arguments[0]), arguments[1]], self.classes, Foreign.pack) if arguments else None])
        answer = self.hear()
        value = unpack(answer["value"], self.classes, self.foreign)
        if value is None and answer.get("after") is not None:
            for old, new in zip(arguments[0], unpack(answer["after"], self.classes, self.foreign), strict=True):
                update(old, new)
        return value

    def foreign(self, number, truth):
        """What stands here for an object that stays over there."""
        return Foreign(self, number, bool(truth))

    def function(self, number):
        """What the tests call."""

        def candidate(*positional, **named):
            return self.ask([number, None, None], positional, named)

        return candidate


class Foreign:
    """An object on the program's side. It can be called, asked for attributes and handed back; it equals only itself."""

    def __init__(self, program, number, truth):
        self._program, self._number, self._truth = program, number, truth

    def __bool__(self):
        return self._truth

    def __call__(self, *positional, **named):
        return self._program.ask([None, self._number, None], positional, named)

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        return self._program.ask([None, self._number, name])

    @staticmethod
    def pack(part):
        """What goes over for it, and nothing for objects of this side."""
        if isinstance(part, Foreign):
            return ["foreign", part._number]
        raise Unreadable(f"tests cannot hand over a {type(part).__name__}")


def update(old, new):
    """Make an argument what the program has made of its copy."""
    if type(old) is not type(new):
        return
    if isinstance(old, list):
        old[:] = new
    elif isinstance(old, (dict, set)):
        old.clear()
        old.update(new)
    elif hasattr(old, "__dict__") and not callable(old):
        old.__dict__.update(new.__dict__)


def judge():
    """Run the tests."""
    program = Program()
    job = marshal.load(sys.stdin.buffer)
    out = os.dup(1)
    os.dup2(2, 1)  # what tests print is no verdict

    def say(text):
        os.write(out, text.encode("utf-8", "replace") + b"\n")

    space: dict = {"__name__": "tests"}
    exec(compile(job["setup"], "setup", "exec"), space)
    program.classes = {n: c for n, c in space.items() if isinstance(c, type) and c.__module__ == "tests"}
    program.tell([[expression for _, expression, _ in job["entries"]], list(program.classes)])
    for number, (name, _, always) in enumerate(job["entries"]):
        if always or name not in space:
            space[name] = program.function(number)
    try:
        program.hear()
    except (Exception, Gone) as error:
        say(f"0 fail the program must load, got {' '.join(str(error).split())[:300]}")
        return say("done")
    count = 0
    for code, is_test in job["steps"]:
        try:
            exec(compile(code, f"test {count}", "exec"), space)
            say(f"{count} pass") if is_test else None
        except (Exception, Gone) as error:
            why = "" if isinstance(error, Gone) else f"{type(error).__name__} "
            say(f"{count} fail {why}{' '.join(str(error).split())[:300]}")
            if job["stop"] or isinstance(error, Gone):
                break
        count += is_test
    return say("done")


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder]  # the program could put modules into the working folder
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)
    judge()
    os._exit(0)

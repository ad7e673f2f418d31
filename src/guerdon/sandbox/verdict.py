"""Whether a program passes its tests, where the program is hostile and the tests are not.

Idea
    Tests that call functions run in a process that the program cannot look into, and see nothing of the program but
    plain data (``_harness.py``). Tests by input and output run the program once per pair and compare here. Either way
    the verdict is not something that the program can print, and a program that exits early has passed what it passed.
Deviations
    What crosses is data: numbers, texts, containers, and objects of classes that the tests' ``setup`` defines. Other
    objects stay where they are; tests can call them and their methods, but not compare or iterate over them, and cannot
    hand functions over. A program may still behave well for just the inputs asked.
"""

import ast
import builtins
import functools
import marshal
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from guerdon.errors import GuerdonError
from guerdon.sandbox.sandbox import Finished, Sandbox

Step = tuple[str, bool]
"""A piece of test code, and whether it is a test (holds an ``assert``) or only prepares one."""


@dataclass(frozen=True)
class Verdict:
    """How a program did."""

    passed: int
    """Tests passed."""
    total: int
    """Tests there are."""
    reason: str = ""
    """What went wrong first; empty where all passed."""

    @property
    def fraction(self) -> float:
        """Part of the tests that passed."""
        return self.passed / self.total


@dataclass(frozen=True)
class Suite:
    """Test code, taken apart."""

    setup: str
    """What to run first."""
    steps: tuple[Step, ...]
    """The tests one by one, and what prepares them."""
    names: tuple[str, ...]
    """Functions that they call and neither define nor import: what the program has to offer."""

    @property
    def total(self) -> int:
        """How many tests there are."""
        return sum(is_test for _, is_test in self.steps)


@functools.lru_cache(maxsize=1024)
def take_apart(code: str, function: str = "check") -> Suite:
    """The statements of ``check``'s body, or, if there is no such function, of the top level.

    Raises:
        GuerdonError: if it is not Python or asserts nothing.
    """
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError) as error:
        raise GuerdonError(f"tests must be Python, got {error}") from None
    setup: list[ast.stmt] = []
    for item in body:
        if isinstance(item, ast.FunctionDef) and item.name == function:
            setup, body = [other for other in body if other is not item], item.body
            break
    body = [item for item in body if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))]
    steps = tuple((ast.unparse(item), any(isinstance(part, ast.Assert) for part in ast.walk(item))) for item in body)
    if not any(is_test for _, is_test in steps):
        raise GuerdonError("tests must assert something, got none that does")
    return Suite("\n".join(map(ast.unparse, setup)), steps, _names_called([*setup, *body]))


def _names_called(body: Sequence[ast.stmt]) -> tuple[str, ...]:
    called, own = set(), {"candidate", *dir(builtins)}
    for node in (node for item in body for node in ast.walk(item)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            called.add(node.func.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            own.add(node.name)
        elif isinstance(node, ast.arg):
            own.add(node.arg)
        elif isinstance(node, ast.alias):
            own.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            own.add(node.id)
    return tuple(sorted(called - own))


def call_tests(
    sandbox: Sandbox, program: str, tests: str, entry: str = "", setup: str = "", all_or_nothing: bool = False
) -> Verdict:
    """Run tests that call the program's functions.

    ``entry`` is the expression that ``candidate`` stands for, such as ``Solution().solve``; without one, the tests call
    the functions by their names. ``setup`` is code that the tests need (helpers, classes); the program gets only what
    ``program`` says. ``all_or_nothing`` stops at the first failure, so ``passed`` then counts up to it.
    """
    found = take_apart(tests)
    # What the tests' own code defines stays its own, but for the function that is under test.
    entries = [(name, name, False) for name in found.names]
    entries += [(name, entry, True) for name in ("candidate", entry) if entry and name.isidentifier()]
    job = {"setup": f"{setup}\n{found.setup}", "entries": entries, "steps": found.steps, "stop": all_or_nothing}
    files = {"program.py": program.encode("utf-8", "replace")}
    argv = [sandbox.interpreter, "-s", "-B", "-c", _harness()]  # -I would ignore the fixed hash seed
    finished = sandbox.run(argv, stdin=marshal.dumps(job, 2), files=files)
    return _read(finished, found.total)


def pair_tests(
    sandbox: Sandbox, program: str, pairs: Sequence[tuple[str, str]], all_or_nothing: bool = False
) -> Verdict:
    """Run the program once for each (input, output) pair; white space at the ends of lines and of the text is free.

    The sandbox's time is for all pairs together.
    """
    if not pairs:
        raise GuerdonError("tests by input and output need at least one pair, got none")
    passed, reason, left = 0, "", sandbox.limits.seconds
    for number, (given, wanted) in enumerate(pairs):
        if left <= 0:
            reason = reason or f"test {number}: no time left of {sandbox.limits.seconds:g} s"
            break
        finished = replace(sandbox, limits=replace(sandbox.limits, seconds=left)).run(program, stdin=given)
        left -= finished.seconds
        right = finished.ok and _lines(finished.stdout) == _lines(wanted)
        passed += right
        if not right:
            reason = reason or f"test {number}: {_why(finished) or 'another output'}"
            if all_or_nothing:
                break
    return Verdict(passed, len(pairs), reason)


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]


def _why(finished: Finished) -> str:
    if finished.ok:
        return ""
    last = finished.stderr.strip().splitlines()[-1:]
    return finished.reason or f"exit code {finished.code} {' '.join(last)[:300]}".strip()


def _read(finished: Finished, total: int) -> Verdict:
    """The judge's lines."""
    lines = [line.split(" ", 2) for line in finished.stdout.splitlines()]
    passed = len({line[0] for line in lines if line[1:] == ["pass"]})
    failed = next((f"test {line[0]}: {line[2]}" for line in lines if line[1:2] == ["fail"]), "")
    complete = finished.ok and lines[-1:] == [["done"]]
    return Verdict(passed, total, failed or ("" if complete else _why(finished) or "the judge did not finish"))


@functools.lru_cache
def _harness() -> str:
    return (Path(__file__).parent / "_harness.py").read_text(encoding="utf-8")

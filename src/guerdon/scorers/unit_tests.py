"""Code is right if it passes its tests.

Idea
    The program in the response runs in the sandbox against the problem's tests: 1 if it passes all of them, else 0, or
    the part of them that it passes. It cannot see the tests or write its own verdict (``sandbox/verdict.py``).
Reads
    ``problem.meta``. ``tests`` is code: a ``check(candidate)`` (HumanEval, LeetCode), or assertions, as one text or a list
    (MBPP); ``entry_point`` is what ``candidate`` stands for (``add``, ``Solution().add``; not needed for assertions);
    ``setup`` is code that tests and programs both start with (imports, helpers); ``prefix`` is what the response
    continues (HumanEval's prompt). Or ``pairs``, a list of [input, output], for programs that read and print.
Deviations
    Tests that a program is given no time for any more count as failed.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.sandbox import Limits, Sandbox
from guerdon.sandbox.verdict import Verdict, call_tests, pair_tests, take_apart
from guerdon.tasks.problem import Problem

_BLOCK = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class UnitTests(Scorer):
    """1 if the program passes all of its tests, else 0; or the part of them that it passes."""

    fraction: bool = False
    """Give the part of the tests passed; False: all or nothing, which stops at the first failure."""
    seconds: float = 5.0
    """Time on the clock, and of the processor, for all tests of one program; a program that takes longer has failed.
    A guard's time limit must be above it, or such a program is unscored."""
    memory_mb: int = 1024
    """Address space of the program in MiB."""
    isolation: str = "auto"
    """``bubblewrap``, ``limits``, or ``auto`` for the strongest that works here (``sandbox/isolation.py``)."""

    def __post_init__(self) -> None:
        self._limits()
        if self.isolation not in ("auto", "bubblewrap", "limits"):
            raise GuerdonError(f"UnitTests.isolation must be 'auto', 'bubblewrap' or 'limits', got {self.isolation!r}")

    def _limits(self) -> Limits:
        return Limits(seconds=self.seconds, cpu_seconds=self.seconds, memory_mb=self.memory_mb)

    def check(self, problem: Problem) -> None:
        """Refuse a problem without tests, or with tests that are not code or assert nothing."""
        tests = _tests(problem)
        if isinstance(tests, str):
            take_apart(tests)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 to 1."""
        verdict = self.verdict(problem, response)
        return verdict.fraction if self.fraction else float(verdict.passed == verdict.total)

    def verdict(self, problem: Problem, response: str) -> Verdict:
        """What the score is made of: tests passed, tests there are, and what went wrong first."""
        tests, meta = _tests(problem), problem.meta
        sandbox = Sandbox(self._limits(), self.isolation)
        program = whole_program(code_in(response), meta)
        if not isinstance(tests, str):
            return pair_tests(sandbox, program, tests, not self.fraction)
        entry, setup = str(meta.get("entry_point", "")), _helpers(meta)
        return call_tests(sandbox, program, tests, entry, setup, all_or_nothing=not self.fraction)


def code_in(response: str) -> str:
    """What the last fenced code block holds (to the end, if it is not closed); without one, the whole response."""
    blocks = _BLOCK.findall(response)
    return blocks[-1][1] if blocks else response


def whole_program(code: str, meta: Mapping[str, Any]) -> str:
    """The code with what it continues or needs in front of it."""
    setup, prefix = str(meta.get("setup", "")), str(meta.get("prefix", ""))
    if prefix and not _parses(prefix) and _defines(code, str(meta.get("entry_point", ""))):
        prefix = ""  # a head without a body, and the response starts anew
    return "\n".join(part for part in (setup, prefix, code) if part)


def _helpers(meta: Mapping[str, Any]) -> str:
    """Code that the tests need: the setup, and helpers that the prefix defines before what is to be written."""
    prefix = str(meta.get("prefix", ""))
    return "\n".join([str(meta.get("setup", "")), prefix if _parses(prefix) else ""])


def _parses(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def _defines(code: str, entry: str) -> bool:
    name = re.match(r"\w*", entry)
    return bool(name) and re.search(rf"^(async def|def|class) {name[0]}\b", code, re.MULTILINE) is not None


def _tests(problem: Problem) -> str | Sequence[tuple[str, str]]:
    """The test code, or the pairs."""
    tests, pairs = problem.meta.get("tests"), problem.meta.get("pairs")
    if isinstance(tests, str) and tests.strip():
        return tests
    if isinstance(tests, Sequence) and tests and all(isinstance(test, str) for test in tests):
        return "\n".join(tests)
    if isinstance(pairs, Sequence) and pairs and all(len(pair) == 2 for pair in pairs):
        return [(str(given), str(wanted)) for given, wanted in pairs]
    raise GuerdonError(
        f"problem {problem.id} needs meta `tests` (code, or a list of assertions) or `pairs` ([input, output]), "
        f"got {sorted(problem.meta)}"
    )

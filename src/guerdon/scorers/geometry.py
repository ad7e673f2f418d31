"""Programs of geometry statements, run by a small solver whose result is the answer (GF-Reasoner).

Idea
    A model may say what it likes in between; what counts is what the solver makes of its statements. So a right answer
    comes with a program, and a number in the text earns nothing.
Maths
    The program is all ``<code>...</code>`` in order. ``let x = expression``; ``pyth a b c`` (legs a and b, hypotenuse c)
    and ``tri A B C`` (angles of a triangle, in degrees) solve for the one name that is unknown; ``answer expression``
    ends it. ``geometry_runs = 1[no error]``; ``geometry_right = 1[|S - y| <= tolerance max(1, |y|)]``.
Reads
    ``problem.answer``, a number; ``meta["given"]``, the numbers of the problem.
Deviations
    A language of our own for what the paper does with a full one (abstract only). An answer that depends on no given
    number is an error, so ``let x = 5; answer x`` earns nothing; the dependency is by name, so ``5 + 0 * 3`` gets by.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers.exact import reference
from guerdon.tasks.answer import last_number
from guerdon.tasks.problem import Problem

LONGEST, LONGEST_STATEMENT = 10_000, 200
"""Characters of a program and of a statement."""
GLUED = re.compile(r"(?<![\w.])\.?\d[\d_.]*[^\W\d]")
OPERATORS: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Known(NamedTuple):
    """A quantity, and the numbers written in the program that it depends on."""

    value: float
    sources: frozenset[float] = frozenset()


class Failure(Exception):
    """A program that does not run; the message says why."""


@dataclass(frozen=True)
class GeometryProgram(Scorer):
    """``geometry_right``: the solver's result is the answer; ``geometry_runs``: the program has one."""

    tag: str | None = "code"
    """Tag around each piece of the program; None: the whole response is the program."""
    tolerance: float = 1e-3
    """Error that is allowed, relative to the answer where that is larger than 1."""

    components = ("geometry_right", "geometry_runs")
    trusted = True

    def __post_init__(self) -> None:
        if not self.tolerance >= 0:
            raise GuerdonError(f"GeometryProgram.tolerance must be at least 0, got {self.tolerance}")

    def check(self, problem: Problem) -> None:
        """Refuse a problem whose answer is no number, or whose given numbers are none."""
        self._truth(problem)
        given(problem)

    def _truth(self, problem: Problem) -> float:
        if (truth := last_number(reference(problem))) is None:
            raise GuerdonError(f"problem {problem.id} needs an answer with a number, got {problem.answer!r}")
        return truth

    def __call__(self, problem: Problem, response: str) -> Mapping[str, float]:
        """The components, each 0 or 1."""
        truth, numbers = self._truth(problem), given(problem)
        pieces = [response] if self.tag is None else re.findall(rf"<{self.tag}>(.*?)</{self.tag}>", response, re.DOTALL)
        try:
            result = solve(";".join(pieces), numbers)
        except Failure:
            return {"geometry_right": 0.0, "geometry_runs": 0.0}
        right = abs(result - truth) <= self.tolerance * max(1.0, abs(truth))
        return {"geometry_right": float(right), "geometry_runs": 1.0}


def given(problem: Problem) -> frozenset[float] | None:
    """The numbers that a problem gives; None if it does not say.

    Raises:
        GuerdonError: if they are no list of numbers.
    """
    numbers = problem.meta.get("given")
    if numbers is None:
        return None
    if not isinstance(numbers, (list, tuple)) or not all(isinstance(number, (int, float)) for number in numbers):
        raise GuerdonError(f"problem {problem.id} needs a list of numbers as meta['given'], got {numbers!r}")
    return frozenset(map(float, numbers))


def solve(program: str, numbers: Collection[float] | None = None) -> float:
    """What a program answers.

    Args:
        program: statements, each on a line or ended by ``;``.
        numbers: the given ones, of which the answer has to depend on one; None: it need not.

    Raises:
        Failure: if it does not run.
    """
    if len(program) > LONGEST:
        raise Failure("the program is too long")
    names: dict[str, Known] = {}
    statements = [text.strip() for text in re.split(r"[;\n]", program) if text.strip()]
    for place, statement in enumerate(statements):
        word, _, rest = statement.partition(" ")
        if word == "answer":
            result = evaluate(rest, names)
            if place + 1 < len(statements):
                raise Failure("a statement follows the answer")
            if numbers is not None and not result.sources & frozenset(numbers):
                raise Failure("the answer depends on nothing that is given")
            return result.value
        if word == "let" and (found := re.fullmatch(r"\s*([A-Za-z]\w*)\s*=(.*)", rest)):
            names[found[1]] = evaluate(found[2], names)
        elif word in ("pyth", "tri") and len(parts := rest.split()) == 3:
            _solve_for_unknown(word, parts, names)
        else:
            raise Failure(f"unknown statement {statement[:40]!r}")
    raise Failure("there is no answer")


def _solve_for_unknown(word: str, parts: list[str], names: dict[str, Known]) -> None:
    unknown = [at for at, part in enumerate(parts) if re.fullmatch(r"[A-Za-z]\w*", part) and part not in names]
    if len(unknown) != 1:
        raise Failure(f"{word} needs exactly one unknown")
    known = [evaluate(part, names) for part in parts if part not in (parts[unknown[0]],)]
    if len(known) != 2 or min(each.value for each in known) <= 0:
        raise Failure(f"{word} needs two positive quantities")
    (first, second), sources = (each.value for each in known), known[0].sources | known[1].sources
    if word == "tri":
        value = 180 - first - second
    elif unknown[0] == 2:
        value = math.hypot(first, second)
    else:
        value = math.sqrt(max(second**2 - first**2, 0.0))
    if not 0 < value < math.inf:
        raise Failure("there is no such triangle")
    names[parts[unknown[0]]] = Known(value, sources)


def evaluate(text: str, names: Mapping[str, Known]) -> Known:
    """The value of an expression of numbers, names, ``+ - * /``, parentheses and ``sqrt(...)``.

    Raises:
        Failure: if it has none.
    """
    if len(text) > LONGEST_STATEMENT:
        raise Failure("a statement is too long")
    if GLUED.search(text):  # Python parses 1or 2, with a warning
        raise Failure("a number ends in a letter")
    try:
        found = _value(ast.parse(text.strip(), mode="eval").body, names)
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError) as error:
        raise Failure(str(error)) from None
    if not math.isfinite(found.value):
        raise Failure("a quantity is not finite")
    return found


def _value(node: ast.expr, names: Mapping[str, Known]) -> Known:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return Known(float(node.value), frozenset({float(node.value)}))
    if isinstance(node, ast.Name) and node.id in names:
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _value(node.operand, names)
        return Known(-inner.value, inner.sources)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        left, right = _value(node.left, names), _value(node.right, names)
        return Known(OPERATORS[type(node.op)](left.value, right.value), left.sources | right.sources)
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "sqrt"
        and len(node.args) == 1
    ):
        inner = _value(node.args[0], names)
        return Known(math.sqrt(inner.value), inner.sources)
    raise Failure("no such expression")

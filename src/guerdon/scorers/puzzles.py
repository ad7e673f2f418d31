"""Three puzzles whose answers a rule can judge: countdown, knights and knaves, zebra.

Idea
    Puzzles come in any number and difficulty, with answers that are right or wrong, or right cell by cell.
Maths
    Countdown: 1 if the answer combines exactly the given numbers, each once, by ``+ - * /`` to the target.
    Knights and knaves: 1 if "X is a knight" or "X is a knave" is right for every X and no other role word is there.
    Zebra: right cells / cells, houses found by their key.
Reads
    ``problem.meta``: ``numbers`` and ``target``; ``roles`` (name -> role) and, where they are not knight and knave, the
    two ``terms``; ``houses`` (house -> {attribute: item}).
Deviations
    The scorers of "Can One Domain Help Others?" (its code at 4d6713e) run the countdown answer through ``eval`` and so
    take ``**`` and ``//``; here a tree of the four operations is worked out in exact fractions. A zebra answer is the last
    complete JSON object, either as ``houses`` or as ``{"header": [...], "rows": [...]}`` with the house in front; the
    house itself is no cell. Case and spaces do not count.
"""

import ast
import operator
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._json import last_object
from guerdon.tasks.answer import tagged
from guerdon.tasks.problem import Problem

OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv}
LONGEST = 300
"""Characters beyond which a countdown answer is not looked at."""


@dataclass(frozen=True)
class Countdown(Scorer):
    """1 if the answer is an expression over the given numbers, each once, that reaches the target, else 0."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""
    use_all: bool = True
    """Every number must be used; False: each at most once, as reasoning-gym asks."""

    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without numbers and a target."""
        _countdown(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        numbers, target = _countdown(problem)
        used: list[int] = []
        try:
            reached = value(tagged(response, self.tag) or "", used)
        except (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError):
            return 0.0
        given, taken = Counter(numbers), Counter(used)
        fair = taken == given if self.use_all else taken <= given
        return float(fair and abs(reached - Fraction(target)) < Fraction(1, 10**5))


def value(text: str, used: list[int]) -> Fraction:
    """The value of an expression; the numbers in it are added to ``used``. ``= 24`` at its end is left out.

    Raises:
        ValueError: if it is anything but whole numbers, the four operations and brackets.
    """
    text = text.partition("=")[0].translate({0xD7: "*", 0xF7: "/", 0x2212: "-"}).strip()
    if len(text) > LONGEST or not re.fullmatch(r"[\d\s+\-*/()]+", text, re.ASCII):
        raise ValueError("not an expression")

    def walk(node: ast.AST) -> Fraction:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            used.append(node.value)
            return Fraction(node.value)
        if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
            return OPERATIONS[type(node.op)](walk(node.left), walk(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -walk(node.operand)
        raise ValueError("not one of the four operations")

    return walk(ast.parse(" ".join(text.split()), mode="eval").body)


def _countdown(problem: Problem) -> tuple[list[int], float]:
    numbers, target = problem.meta.get("numbers"), problem.meta.get("target")
    if not numbers or not all(isinstance(number, int) for number in numbers) or not isinstance(target, (int, float)):
        raise GuerdonError(
            f"problem {problem.id} needs meta['numbers'] (whole) and meta['target'], got {numbers!r} and {target!r}"
        )
    return list(numbers), target


@dataclass(frozen=True)
class KnightsKnaves(Scorer):
    """1 if every person's role is stated right and no role word is left over, else 0."""

    tag: str | None = None
    """Take what the last ``<tag>...</tag>`` holds (0 without one); None: the whole response."""

    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without roles."""
        _roles(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        (roles, terms), answer = _roles(problem), (tagged(response, self.tag) or "").lower()
        role = f"({'|'.join(map(re.escape, terms))})"
        told = {name: re.search(rf"\b{re.escape(name)}\s+is\s+(?:an?\s+)?{role}\b", answer) for name in roles}
        right = all(found is not None and found[1] == roles[name] for name, found in told.items())
        return float(right and len(re.findall(role, answer)) == len(roles))


def _roles(problem: Problem) -> tuple[dict[str, str], tuple[str, ...]]:
    """Name -> role, and both roles, in small letters."""
    given, terms = problem.meta.get("roles"), tuple(problem.meta.get("terms", ("knight", "knave")))
    if not isinstance(given, Mapping) or not given or not set(given.values()) <= set(terms):
        raise GuerdonError(f"problem {problem.id} needs meta['roles'], name -> {' or '.join(terms)}, got {given!r}")
    return {name.strip().lower(): role.lower() for name, role in given.items()}, tuple(term.lower() for term in terms)


@dataclass(frozen=True)
class ZebraCells(Scorer):
    """The share of cells (attributes of houses) that are right in the last JSON object of the response."""

    component = "cells"
    trusted = True

    def check(self, problem: Problem) -> None:
        """Refuse a problem without houses."""
        _houses(problem)

    def __call__(self, problem: Problem, response: str) -> float:
        """From 0 to 1."""
        wanted, found = _houses(problem), last_object(response)
        given = {} if found is None else _table(found)
        return sum(given.get(cell) == item for cell, item in wanted.items()) / len(wanted)


def _houses(problem: Problem) -> dict[tuple[str, str], str]:
    houses = problem.meta.get("houses")
    cells = _table(houses) if isinstance(houses, Mapping) else {}
    if not cells:
        raise GuerdonError(f"problem {problem.id} needs meta['houses'], house -> {{attribute: item}}, got {houses!r}")
    return cells


def _table(data: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(house, attribute) -> item; what is no table has no cells."""
    header, rows = data.get("header"), data.get("rows")
    if isinstance(header, list) and isinstance(rows, list):
        lists = [row for row in rows if isinstance(row, list) and row]
        data = {str(row[0]): dict(zip(map(str, header[1:]), row[1:], strict=False)) for row in lists}
    return {
        (_plain(house), _plain(attribute)): _plain(item)
        for house, items in data.items()
        if isinstance(items, Mapping)
        for attribute, item in items.items()
    }


def _plain(text: Any) -> str:
    """Small letters, one space between words, without the word house before a number."""
    return re.sub(r"\Ahouse (?=\d)", "", " ".join(str(text).lower().split()))

"""Tool calls as models write them, and pairing those of two lists."""

import ast
import json
import math
import re
import warnings
from collections.abc import Sequence
from typing import Any

Call = tuple[str, dict[str, Any]]
"""A tool's name and its arguments; ``#1`` is the first one given by position."""

TAGS = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
ARGUMENTS = ("arguments", "parameters")
UNREADABLE = (ValueError, SyntaxError, RecursionError, MemoryError, TypeError)


def calls_in(response: str) -> list[Call] | None:
    """The calls of a response; none if it is prose; None if ``<tool_call>`` tags hold something else.

    Between tags stands JSON: one call, a list, or one call per line. Without tags the whole response, code fence aside,
    is JSON or Python: ``{"name": "f", "arguments": {"x": 1}}``, ``{"f": {"x": 1}}`` or ``[f(x=1), g()]``.
    """
    if "<tool_call>" in response or "</tool_call>" in response:
        return tagged_calls(response)
    text = re.sub(r"\A```\w*\s|```\Z", "", response.strip()).strip()
    try:
        return _from_json(json.loads(text)) or []
    except UNREADABLE:
        return python_calls(text) or []


def tagged_calls(response: str, arguments: Sequence[str] = ARGUMENTS) -> list[Call] | None:
    """What stands between ``<tool_call>`` tags; None if a tag is not closed or holds something else."""
    blocks: list[str] = TAGS.findall(response)
    if "tool_call>" in TAGS.sub("", response):
        return None
    calls: list[Call] = []
    for block in blocks:
        try:
            found = _from_json(_json_lines(block), arguments)
        except UNREADABLE:
            return None
        if found is None:
            return None
        calls += found
    return calls


def _json_lines(block: str) -> Any:
    """One JSON value, or one per line as a list."""
    try:
        return json.loads(block)
    except ValueError:
        return [json.loads(line) for line in block.split("\n") if line.strip()]


def _from_json(data: Any, arguments: Sequence[str] = ARGUMENTS) -> list[Call] | None:
    """The calls that JSON data are; None if they are something else."""
    calls: list[Call] = []
    for item in data if isinstance(data, list) else [data]:
        if not isinstance(item, dict):
            return None
        given = [item[key] for key in arguments if key in item]
        if isinstance(item.get("name"), str) and len(given) == 1 and isinstance(given[0], dict):
            calls.append((item["name"], given[0]))
        elif "name" not in item and arguments is ARGUMENTS and all(isinstance(value, dict) for value in item.values()):
            calls += item.items()
        else:
            return None
    return calls


def python_calls(text: str) -> list[Call] | None:
    """The calls of ``f(x=1)`` or ``[f(x=1), g.h(2)]``; None if it is something else. Nothing is run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
            nodes = tree.elts if isinstance(tree, (ast.List, ast.Tuple)) else [tree]
            return [_from_python(node) for node in nodes]
    except UNREADABLE:
        return None


def _from_python(node: ast.AST) -> Call:
    if not isinstance(node, ast.Call):
        raise ValueError("not a call")
    name = ast.unparse(node.func)
    if not re.fullmatch(r"[\w.]+", name):
        raise ValueError("not a name")
    values = {f"#{place}": _literal(value) for place, value in enumerate(node.args, 1)}
    return name, values | {word.arg or "**": _literal(word.value) for word in node.keywords}


def _literal(node: ast.expr) -> Any:
    """A constant; a variable or formula as its text."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def best_pairs(weights: Sequence[Sequence[float]]) -> list[int]:
    """For each row the column it is paired with, so that the sum of weights is largest; -1 for rows left over.

    The Hungarian method with potentials (Kuhn, 1955): ``O(rows^2 columns)``. Weights must not be negative.
    """
    rows, columns = len(weights), max(map(len, weights), default=0)
    if rows == 0 or columns == 0:
        return [-1] * rows
    width = max(rows, columns)  # spare columns of weight 0 take the rows left over
    cost = [[-row[at] if at < columns else 0.0 for at in range(width)] for row in weights]
    of_row, of_column, owner = [0.0] * rows, [0.0] * width, [-1] * width
    for start in range(rows):
        slack, came, done = [math.inf] * width, [-1] * width, [False] * width
        row, column = start, -1
        while True:
            if column >= 0:
                done[column] = True
                row = owner[column]
            for at in range(width):
                reduced = cost[row][at] - of_row[row] - of_column[at]
                if not done[at] and reduced < slack[at]:
                    slack[at], came[at] = reduced, column
            step, nearest = min((slack[at], at) for at in range(width) if not done[at])
            of_row[start] += step
            for at in range(width):
                if done[at]:
                    of_row[owner[at]] += step
                    of_column[at] -= step
                else:
                    slack[at] -= step
            column = nearest
            if owner[column] < 0:
                break
        while column >= 0:
            previous = came[column]
            owner[column] = start if previous < 0 else owner[previous]
            column = previous
    pairs = {row: column for column, row in enumerate(owner) if row >= 0 and column < columns}
    return [pairs.get(row, -1) for row in range(rows)]

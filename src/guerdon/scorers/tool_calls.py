"""Tool calls: the right tools with accepted arguments, nothing missing and nothing more.

Idea
    A call is right if it names the tool and every argument has one of the accepted values. Parallel calls may come in
    any order. Where no tool helps, the right answer is to call none.
Maths
    1 if there is a one-to-one pairing of the calls made and the gold calls in which every pair matches, else 0.
Reads
    ``problem.meta["calls"]``: gold calls as ``{tool: {argument: [accepted values]}}`` with ``""`` among the values of
    an argument that may be left out, or as texts ``tool(argument=value)``; empty or None: none must be made.
    ``meta["functions"]``, where there: the tools' JSON schemas, which give types and the names of positional arguments.
Deviations
    The matching of the Berkeley Function-Calling Leaderboard's syntax-tree checker (arXiv 2305.15334; code at 6ea5797)
    with its leniency: texts compare without case and the signs ``,./-_*^``, an int is taken for a float, a value of
    the type of the gold is taken whatever the schema says, unknown arguments are errors. It pairs parallel calls
    greedily, here a pairing is found if there is one. Its multi-turn split runs the calls and compares states; here
    each turn's calls are compared with the gold's (in order with ``ordered``), other ways to the same state count as
    wrong. An argument without accepted values must be empty; the checker takes no value at all then, so that one gold
    call of its live_simple split cannot be made. Broken ``<tool_call>`` tags are no abstention; any other text that
    holds no readable call is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guerdon.base import Scorer
from guerdon.errors import GuerdonError
from guerdon.scorers._calls import Call, best_pairs, calls_in, python_calls
from guerdon.tasks.problem import Problem

TYPES: dict[str, type] = {
    **{"string": str, "any": str, "integer": int, "float": float, "number": float, "boolean": bool},
    **{"array": list, "tuple": list, "dict": dict, "object": dict},
}
"""Type in a schema -> type of the value."""
Gold = tuple[str, dict[str, list[Any]], set[str]]
"""A tool's name, its arguments' accepted values, and the arguments that may be left out."""


@dataclass(frozen=True)
class ToolCalls(Scorer):
    """1 if the calls made are the gold calls, in any order, with accepted arguments, else 0."""

    ordered: bool = False
    """The calls must come in the gold's order, as where tools change a state."""
    underscores: bool = False
    """``a_b`` is the tool ``a.b``, for models whose tool names cannot hold a dot."""

    def check(self, problem: Problem) -> None:
        """Refuse a problem without gold calls (an empty list asks for none)."""
        self._golds(problem)

    def _golds(self, problem: Problem) -> list[Gold]:
        given = problem.meta.get("calls", problem)
        if given is not None and not isinstance(given, (list, tuple)):
            raise GuerdonError(f"problem {problem.id} needs meta['calls'], a list of gold calls, got {given!r:.80}")
        return [gold for item in given or () for gold in _gold(item, problem.id)]

    def __call__(self, problem: Problem, response: str) -> float:
        """0 or 1."""
        golds, calls = self._golds(problem), calls_in(response)
        if calls is None or len(calls) != len(golds):
            return 0.0
        tools = {tool["name"]: tool for tool in problem.meta.get("functions") or ()}
        fits = [[self._matches(call, gold, tools.get(gold[0])) for call in calls] for gold in golds]
        if self.ordered:
            return float(all(row[at] for at, row in enumerate(fits)))
        return float(all(row[at] for row, at in zip(fits, best_pairs(fits), strict=True)))

    def _matches(self, call: Call, gold: Gold, tool: Mapping[str, Any] | None) -> bool:
        name, wanted, optional = gold
        if call[0] != name and not (self.underscores and call[0] == name.replace(".", "_")):
            return False
        schema = (tool or {}).get("parameters") or {}
        known: Mapping[str, Any] = schema.get("properties") or {}
        given = _named(call[1], list(known))
        if any(argument not in given for argument in schema.get("required") or ()):
            return False
        if any(argument not in wanted or (tool and argument not in known) for argument in given):
            return False
        if not wanted.keys() <= given.keys() | optional:
            return False
        return all(accepts(wanted[argument], value, known.get(argument)) for argument, value in given.items())


def _gold(item: Any, problem: int | str) -> list[Gold]:
    """The gold call in an entry of ``meta["calls"]``."""
    if isinstance(item, str) and (calls := python_calls(item)):
        return [(name, {argument: [value] for argument, value in given.items()}, set()) for name, given in calls]
    if isinstance(item, Mapping) and item and all(map(_is_accepted, item.values())):
        return [
            (name, dict(given), {argument for argument, accepted in given.items() if "" in accepted})
            for name, given in item.items()
        ]
    raise GuerdonError(
        f"a gold call of problem {problem} must be {{tool: {{argument: [values]}}}} or tool(argument=value), got {item!r}"
    )


def _is_accepted(given: Any) -> bool:
    return isinstance(given, Mapping) and all(isinstance(accepted, (list, tuple)) for accepted in given.values())


def _named(given: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Arguments by name: those given by position take the schema's names in order."""
    places = {f"#{place}": name for place, name in enumerate(names, 1)}
    return {places.get(argument, argument): value for argument, value in given.items()}


def accepts(accepted: Sequence[Any], value: Any, schema: Mapping[str, Any] | None) -> bool:
    """Whether a value is one of the accepted ones, as the leaderboard compares values of the schema's type."""
    if not accepted:
        return value in ([], {}, "")
    if schema is None:
        return any(_equal(value, wanted) for wanted in accepted)
    kind = schema.get("type")
    expected = TYPES.get(str(kind), str)
    inner = TYPES.get((schema.get("items") or {}).get("type", "any"), str) if kind in ("array", "tuple") else None
    if kind == "tuple" and isinstance(value, tuple):
        value = list(value)
    if expected is float and type(value) is int:
        value = float(value)
    fits, other = _type_fits(value, accepted, expected, inner)
    if not fits or other:
        return fits and value in accepted
    if expected is dict:
        return any(_dict_fits(value, wanted) for wanted in accepted if wanted != "")
    if inner is dict:
        dicts = [wanted for wanted in accepted if isinstance(wanted, list) and len(wanted) == len(value)]
        return any(all(map(_dict_fits, value, wanted)) for wanted in dicts)
    return _plain(value) in [_plain(wanted) for wanted in accepted]


def _equal(value: Any, wanted: Any) -> bool:
    """Equality in which an int may be a float, but ``True`` is not 1."""
    if isinstance(value, (list, tuple)) and isinstance(wanted, (list, tuple)):
        return len(value) == len(wanted) and all(map(_equal, value, wanted))
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


def _type_fits(value: Any, accepted: Sequence[Any], expected: type, inner: type | None) -> tuple[bool, bool]:
    """Whether the type is the schema's or the gold's, and whether the gold's is another than the schema's."""
    first = next((type(wanted) for wanted in accepted if wanted != ""), expected)
    if type(value) is not expected:
        return type(value) is first, True
    lists = [wanted for wanted in accepted if isinstance(wanted, list)]
    if inner is None or len(lists) < len(accepted):
        return True, first is not expected
    inside = any(all(_type_fits(item, wanted, inner, None)[0] for item in value) for wanted in lists)
    return inside, first is not expected


def _dict_fits(value: Any, wanted: Any) -> bool:
    """Whether a dict has only known keys with accepted values, and all that may not be left out."""
    if not isinstance(value, dict) or not isinstance(wanted, dict):
        return False
    return all(key in wanted and _plain(item) in map(_plain, wanted[key]) for key, item in value.items()) and all(
        key in value or "" in accepted for key, accepted in wanted.items()
    )


def _plain(value: Any) -> Any:
    """A text without case, spaces and the signs that do not count; the same for the texts in a list."""
    if isinstance(value, list):
        return [_plain(item) if isinstance(item, str) else item for item in value]
    return re.sub(r"[ ,./\-_*^]", "", value).lower().replace("'", '"') if isinstance(value, str) else value

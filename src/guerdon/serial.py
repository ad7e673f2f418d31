"""Pieces as JSON: strict both ways. ``{"piece": "GroupStandardize", "eps": 0.0001}``.

Loading refuses unknown pieces and unknown fields and lists the known ones; what was saved loads equal.
"""

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable
from typing import Any

from guerdon.catalogue import pieces
from guerdon.describe import type_name
from guerdon.errors import GuerdonError


def to_json(value: Any) -> Any:
    """A piece, tuple or plain value as JSON data.

    Raises:
        GuerdonError: if something in it is no piece and no plain value.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value) if field.init}
        return {"piece": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise GuerdonError(f"a saved piece may hold pieces, tuples, dicts and plain values, got {type(value).__name__}")


def from_json(data: Any, where: str = "recipe") -> Any:
    """Rebuild what ``to_json`` saved.

    Raises:
        GuerdonError: on an unknown piece, an unknown or missing field, or a value of the wrong type.
    """
    if isinstance(data, list):
        return tuple(from_json(item, f"{where}[{number}]") for number, item in enumerate(data))
    if not isinstance(data, dict):
        return data
    if "piece" not in data:
        return {key: from_json(item, f"{where}.{key}") for key, item in data.items()}
    name = data["piece"]
    cls = pieces().get(name)
    if cls is None:
        raise GuerdonError(f"{where}: unknown piece {name!r}{suggest(name, pieces())}")
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in data:
        if key != "piece" and key not in fields:
            raise GuerdonError(f"{where}: {name} has no field {key!r}{suggest(key, fields)}")
    values = {key: from_json(item, f"{where}.{key}") for key, item in data.items() if key != "piece"}
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and key not in values:
            raise GuerdonError(f"{where}: {name} needs a value for {key!r}, got none")
    check_types(cls, values, where)
    return cls(**values)


def check_types(cls: type, values: dict[str, Any], where: str) -> None:
    """Check plain values against the annotations of a dataclass; an int is fine where a float is asked for.

    Raises:
        GuerdonError: on the first value of the wrong type.
    """
    hints = typing.get_type_hints(cls)
    for key, value in values.items():
        if not fits(value, hints[key]):
            raise GuerdonError(f"{where}.{key} must be {type_name(hints[key])}, got {value!r}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation asks for; an int is fine where a float is asked for."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        variadic = len(arguments) == 2 and arguments[1] is Ellipsis
        wanted = [arguments[0]] * len(value) if variadic and isinstance(value, tuple) else list(arguments)
        return isinstance(value, tuple) and len(value) == len(wanted) and all(map(fits, value, wanted))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    kind = origin or hint
    return isinstance(value, kind) if isinstance(kind, type) else True


def suggest(name: object, known: Iterable[str]) -> str:
    """``; did you mean X? known: A, B, C`` for an error message; of more than 24 names, the nearest six."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    if len(names) <= 24:
        return f"{hint} known: {', '.join(names) or 'none'}"
    return f"{hint} nearest of {len(names)}: {', '.join(difflib.get_close_matches(str(name), names, n=6, cutoff=0.0))}"

"""Pieces as JSON: strict both ways. ``{"piece": "Standardize", "eps": 0.0001}``.

Loading refuses unknown pieces and unknown fields and lists the known ones; what was saved loads equal.
"""

import dataclasses
import difflib
import math
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from guerdon.catalogue import pieces
from guerdon.describe import field_types, type_name
from guerdon.errors import GuerdonError

DICT, FLOAT = "dict", "float"
"""Names under which ``to_json`` wraps what JSON cannot say."""


def to_json(value: Any) -> Any:
    """A piece, tuple, dict or plain value as JSON data that every JSON reader takes.

    JSON has no infinity, and a dict with the key ``piece`` would read as a piece; both are wrapped.

    Raises:
        GuerdonError: if something in it is no piece and no plain value, or could not be loaded equal.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        saved = {"piece": saved_name(type(value))}
        return saved | {
            item.name: to_json(getattr(value, item.name)) for item in dataclasses.fields(value) if item.init
        }
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise GuerdonError(f"the keys of a saved dict must be text, got {odd[0]!r}")
        data = {key: to_json(item) for key, item in value.items()}
        return {"piece": DICT, "value": data} if "piece" in value else data
    if isinstance(value, float) and not math.isfinite(value):
        if math.isnan(value):
            raise GuerdonError("a saved number must not be nan, which equals nothing; use None for a missing value")
        return {"piece": FLOAT, "value": str(float(value))}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    hint = "; use a tuple" if isinstance(value, list) else ""
    raise GuerdonError(
        f"a saved piece may hold pieces, tuples, dicts and plain values, got {type(value).__name__}{hint}"
    )


def saved_name(cls: type) -> str:
    """What a saved piece is called: its class name, ``module:Class`` outside guerdon.

    Raises:
        GuerdonError: if the class is no piece.
    """
    from guerdon.objective import Objective
    from guerdon.piece import Piece
    from guerdon.recipe import Recipe
    from guerdon.update import Update

    if not issubclass(cls, (Piece, Objective, Update, Recipe)):
        raise GuerdonError(f"what is saved must be made of pieces, got {cls.__name__}; derive it from a kind of Piece")
    at_home = cls.__module__.partition(".")[0] == "guerdon"
    return cls.__name__ if at_home else f"{cls.__module__}:{cls.__qualname__}"


def class_named(name: object, where: str) -> type:
    """The class of a saved piece. One from outside guerdon has to be imported already: loading runs no new code.

    Raises:
        GuerdonError: if there is none; the message lists the known ones.
    """
    if isinstance(name, str) and name in pieces():
        return pieces()[name]
    module, colon, path = name.partition(":") if isinstance(name, str) else ("", "", "")
    if colon:
        found: Any = sys.modules.get(module)
        for part in path.split("."):
            found = getattr(found, part, None)
        if isinstance(found, type) and dataclasses.is_dataclass(found) and saved_name(found) == name:
            return found
        raise GuerdonError(f"{where}: unknown piece {name!r}; if it is yours, import {module} before loading")
    raise GuerdonError(f"{where}: unknown piece {name!r}{suggest(name, pieces())}")


def from_json(data: Any, where: str = "recipe") -> Any:
    """Rebuild what ``to_json`` saved.

    Raises:
        GuerdonError: on an unknown piece, an unknown or missing field, or a value of the wrong type or range.
    """
    if isinstance(data, list):
        return tuple(from_json(item, f"{where}[{number}]") for number, item in enumerate(data))
    if not isinstance(data, dict):
        return data
    if data.get("piece") in (DICT, FLOAT) and data.keys() == {"piece", "value"}:
        return _unwrapped(data, where)
    if "piece" not in data:
        return {key: from_json(item, f"{where}.{key}") for key, item in data.items()}
    cls = class_named(data["piece"], where)
    fields = {field.name: field for field in dataclasses.fields(cls) if field.init}
    for key in data:
        if key != "piece" and key not in fields:
            raise GuerdonError(f"{where}: {cls.__name__} has no field {key!r}{suggest(key, fields)}")
    values = {key: from_json(item, f"{where}.{key}") for key, item in data.items() if key != "piece"}
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and key not in values:
            raise GuerdonError(f"{where}: {cls.__name__} needs a value for {key!r}, got none")
    check_types(cls, values, where)
    hints = field_types(cls)
    return cls(**{key: with_floats(value, hints[key]) for key, value in values.items()})


def _unwrapped(data: dict[str, Any], where: str) -> Any:
    value = data["value"]
    if data["piece"] == DICT and isinstance(value, dict):
        return {key: from_json(item, f"{where}.{key}") for key, item in value.items()}
    if data["piece"] == FLOAT and value in ("inf", "-inf"):
        return float(value)
    raise GuerdonError(f"{where} must wrap a dict, 'inf' or '-inf', got {value!r}")


def check_fields(owner: Any) -> None:
    """Check all fields of a composite against their annotations, as ``check_types`` does.

    Raises:
        GuerdonError: on the first value of the wrong type.
    """
    cls = type(owner)
    check_types(cls, {item.name: getattr(owner, item.name) for item in dataclasses.fields(owner)}, cls.__name__)


def check_types(cls: type, values: dict[str, Any], where: str) -> None:
    """Check values against the annotations of a dataclass; an int is fine where a float is asked for.

    Raises:
        GuerdonError: on the first value of the wrong type.
    """
    hints = field_types(cls)
    for key, value in values.items():
        if not fits(value, hints[key]):
            one = dataclasses.is_dataclass(value) and typing.get_origin(hints[key]) is tuple
            fix = f"; write ({type(value).__name__}(...),)" if one else "; use a tuple" if type(value) is list else ""
            raise GuerdonError(f"{where}.{key} must be {type_name(hints[key])}, got {value!r}{fix}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is what an annotation asks for; an int is fine where a float is asked for, nan nowhere."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, float) and math.isnan(value):
        return False
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, option) for option in arguments)
    if origin is typing.Literal:
        return any(type(value) is type(option) and value == option for option in arguments)
    if origin is tuple:
        variadic = len(arguments) == 2 and arguments[1] is Ellipsis
        wanted = [arguments[0]] * len(value) if variadic and isinstance(value, tuple) else list(arguments)
        return isinstance(value, tuple) and len(value) == len(wanted) and all(map(fits, value, wanted))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    kind = origin or hint
    if isinstance(kind, type) and issubclass(kind, Mapping) and len(arguments) == 2 and isinstance(value, Mapping):
        return all(fits(key, arguments[0]) and fits(item, arguments[1]) for key, item in value.items())
    return isinstance(value, kind) if isinstance(kind, type) else True


def with_floats(value: Any, hint: Any) -> Any:
    """A value that fits, with the ints turned to floats where floats are asked for: 1 and 1.0 make other tensors."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is float:
        return float(value)
    if origin in (typing.Union, types.UnionType):
        exact = [option for option in arguments if option is not float and fits(value, option)]
        return with_floats(value, (*exact, float)[0])
    if origin is tuple:
        variadic = len(arguments) == 2 and arguments[1] is Ellipsis
        return tuple(map(with_floats, value, [arguments[0]] * len(value) if variadic else arguments))
    if isinstance(value, dict) and len(arguments) == 2:
        return {key: with_floats(item, arguments[1]) for key, item in value.items()}
    return value


def suggest(name: object, known: Iterable[str]) -> str:
    """``; did you mean X? known: A, B, C`` for an error message; of more than 24 names, the nearest six."""
    names = sorted(known)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ";"
    if len(names) <= 24:
        return f"{hint} known: {', '.join(names) or 'none'}"
    return f"{hint} nearest of {len(names)}: {', '.join(difflib.get_close_matches(str(name), names, n=6, cutoff=0.0))}"

"""Recipes from flags: ``--update.lr 3e-4``, ``--advantage.0.eps 1e-4``, ``--advantage.0 SPEC``.

Idea
    The flags of a training command are the fields of the chosen recipe and no others, so a hyper-parameter has one
    name everywhere: in Python, in the saved JSON and after two dashes. A flag that ends at a piece swaps the piece;
    an index one past the end of a list adds to it.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from guerdon.companions import completed
from guerdon.describe import field_docs, field_types, first_line, is_class, type_name, value_text
from guerdon.errors import GuerdonError
from guerdon.piece import Piece
from guerdon.recipe import Recipe
from guerdon.serial import class_named, from_json, to_json
from guerdon.specs import read_value


@dataclasses.dataclass(frozen=True)
class Flag:
    """One flag of a recipe."""

    path: str
    """``advantage.0.eps``."""
    type: str
    """What its value must be."""
    default: str
    """The value that the recipe has."""
    doc: str
    """The line under the field."""
    swaps: bool
    """Whether it names a piece."""


def flags(recipe: Recipe) -> list[Flag]:
    """The flags of a recipe, in the order of the data flow."""
    return list(_flags(recipe, ""))


def _flags(node: Any, prefix: str) -> Iterator[Flag]:
    hints, docs = field_types(type(node)), field_docs(type(node))
    for name, hint in hints.items():
        value, path = getattr(node, name), f"{prefix}{name}"
        items = value if isinstance(value, tuple) and get_origin(hint) is tuple and _holds_pieces(hint) else None
        if items is not None:
            yield Flag(path, type_name(hint), value_text(tuple(_label(item) for item in items)), docs[name], True)
            for number, item in enumerate(items):
                yield from _piece_flags(item, f"{path}.{number}", type_name(type(item)), first_line(type(item)))
        elif dataclasses.is_dataclass(value):
            yield from _piece_flags(value, path, type_name(hint), docs[name])
        else:
            yield Flag(path, type_name(hint), value_text(value), docs[name], _holds_pieces(hint))


def _piece_flags(piece: Any, path: str, kind: str, doc: str) -> Iterator[Flag]:
    yield Flag(path, kind, _label(piece), doc, True)
    yield from _flags(piece, f"{path}.")


def _holds_pieces(hint: Any) -> bool:
    return any(is_class(part) and issubclass(part, Piece) for part in (hint, *get_args(hint)))


def _label(value: Any) -> str:
    return type(value).__name__ if dataclasses.is_dataclass(value) else value_text(value)


def apply(recipe: Recipe, chosen: Sequence[tuple[str, str]], others: Sequence[str] = ()) -> Recipe:
    """The recipe with (path, text) flags applied in order, as ``pairs`` reads them.

    ``others``: flags of the command itself, to be suggested when one is misspelt.

    Raises:
        GuerdonError: if a flag is none of the recipe's, or its value does not fit.
    """
    data = to_json(recipe)
    for path, text in chosen:
        try:
            data = _set(data, Recipe, path.split("."), text, "")
        except _NoSuchField as error:
            known = [f"--{flag.path}" for flag in flags(recipe)]
            raise GuerdonError(
                f"the recipe has no flag --{path}: {error}{_nearest(f'--{path}', [*known, *others])}"
            ) from None
    return from_json(data)


def configured(
    recipe: Recipe, chosen: Sequence[tuple[str, str]], others: Sequence[str] = ()
) -> tuple[Recipe, list[str]]:
    """The recipe under its flags, made to suit its task; and sentences about what was exchanged for that.

    Whole slots first, then what is open is completed, then single fields.

    Raises:
        GuerdonError: as ``apply``.
    """
    recipe, notes = completed(apply(recipe, [flag for flag in chosen if "." not in flag[0]], others))
    return apply(recipe, [flag for flag in chosen if "." in flag[0]], others), notes


def pairs(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """(path, text) of each flag.

    Raises:
        GuerdonError: if something is no flag, or a flag has no value.
    """
    found, rest = [], list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--") or len(word) == 2:
            raise GuerdonError(f"a flag must begin with two dashes, got {word!r}")
        path, equals, text = word[2:].partition("=")
        if not equals:
            if not rest or rest[0].startswith("--"):
                raise GuerdonError(f"the flag --{path} needs a value after it")
            text = rest.pop(0)
        found.append((path, text))
    return found


class _NoSuchField(Exception):
    """A path that leads nowhere; says at which part."""


def _set(data: Any, hint: Any, parts: list[str], text: str, where: str) -> Any:
    """``data`` with the place ``parts`` replaced by the reading of ``text``."""
    if not parts:
        return read_value(text, hint, where)
    name, rest = parts[0], parts[1:]
    here = f"{where}.{name}" if where else name
    if isinstance(data, list):
        if not name.isdigit() or int(name) > len(data):
            raise _NoSuchField(f"{where} has {len(data)} items, numbered from 0")
        number = int(name)
        arguments = get_args(hint)
        inner = arguments[0] if len(arguments) == 2 and arguments[1] is Ellipsis else arguments[number]
        if number == len(data) and rest:
            raise _NoSuchField(f"{where} has {len(data)} items, numbered from 0")
        old = data[number] if number < len(data) else None
        return [*data[:number], _set(old, inner, rest, text, here), *data[number + 1 :]]
    if isinstance(data, dict) and "piece" in data:
        hints = field_types(class_named(data["piece"], where))
        if name not in hints:
            raise _NoSuchField(f"{data['piece']} has no field {name!r}")
        return {**data, name: _set(data.get(name), hints[name], rest, text, here)}
    if isinstance(data, dict):
        return {**data, name: _set(data.get(name), get_args(hint)[1], rest, text, here)}
    raise _NoSuchField(f"{where} is {value_text(data)}, which has no parts")


def _nearest(flag: str, known: list[str]) -> str:
    import difflib

    near = difflib.get_close_matches(flag, known, n=1)
    return f"; did you mean {near[0]}?" if near else "; `--help` after the recipe lists its flags"


__all__ = ["Flag", "apply", "configured", "flags", "pairs"]

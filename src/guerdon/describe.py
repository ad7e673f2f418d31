"""What a piece says about itself, read from its source: the line under each field becomes help and docs."""

import ast
import dataclasses
import inspect
import json
import textwrap
import types
import typing
from functools import cache
from typing import Any


@cache
def field_docs(cls: type) -> dict[str, str]:
    """Field -> the string under it, base classes included; ``""`` where there is none."""
    docs: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        if dataclasses.is_dataclass(owner):
            docs |= _own_docs(owner)
    return {field.name: docs.get(field.name, "") for field in dataclasses.fields(cls)}


def _own_docs(cls: type) -> dict[str, str]:
    try:
        node = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    except OSError:  # a class typed into a console has no source
        return {}
    assert isinstance(node, ast.ClassDef)
    docs = {}
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                docs[statement.target.id] = " ".join(value.value.split())
    return docs


@cache
def field_types(cls: type) -> dict[str, Any]:
    """Field -> its resolved annotation."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def is_class(value: object) -> bool:
    """Whether a value is a class; on Python 3.10 ``isinstance(list[int], type)`` holds as well."""
    return isinstance(value, type) and not isinstance(value, types.GenericAlias)


def type_name(hint: Any) -> str:
    """An annotation for people: ``float``, ``int or none``, ``'linear' or 'cosine'``."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None) or hint is None:
        return "none"
    if hint is Any:
        return "anything"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(option) for option in arguments)
    if origin is typing.Literal:
        return " or ".join(repr(value) for value in arguments)
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return f"list of {type_name(arguments[0])}"
        return f"list of {len(arguments)} values ({', '.join(map(type_name, arguments))})"
    if origin is dict:
        return f"dict of {type_name(arguments[0])} to {type_name(arguments[1])}"
    return getattr(hint, "__name__", str(hint))


def default_text(field: dataclasses.Field[Any]) -> str:
    """A field's default for people; ``required`` where there is none."""
    if field.default is not dataclasses.MISSING:
        return value_text(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return value_text(field.default_factory())
    return "required"


def value_text(value: Any) -> str:
    """A value as it would be written after a flag."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(value_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return json.dumps(value, default=brief)
    return value if isinstance(value, str) and value else repr(value)


def brief(piece: Any) -> str:
    """A piece with the fields that are not at their defaults: ``Standardize(scale=none)``."""
    changed = []
    for field in dataclasses.fields(piece):
        value = getattr(piece, field.name)
        text = _brief(value)
        if field.init and text != _brief_default(field):
            changed.append(f"{field.name}={text}")
    return f"{type(piece).__name__}({', '.join(changed)})" if changed else type(piece).__name__


def _brief(value: Any) -> str:
    if isinstance(value, tuple) and any(map(dataclasses.is_dataclass, value)):
        return f"[{', '.join(map(_brief, value))}]"
    return brief(value) if dataclasses.is_dataclass(value) else value_text(value)


def _brief_default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return _brief(field.default)
    return _brief(field.default_factory()) if field.default_factory is not dataclasses.MISSING else "required"


def first_line(cls: type) -> str:
    """The line under ``class``, without the backquotes."""
    return (inspect.getdoc(cls) or "").partition("\n")[0].replace("``", "")


def summary(cls: type) -> dict[str, Any]:
    """Name, slot, module, one line, reads, writes and fields of a piece, as plain data."""
    docs, hints = field_docs(cls), field_types(cls)
    declared = {word: getattr(cls, word, ()) for word in ("reads", "writes")}
    return {
        "name": cls.__name__,
        "slot": cls.__module__.split(".")[1],
        "module": cls.__module__,
        "line": first_line(cls),
        **{word: list(value) if isinstance(value, tuple) else None for word, value in declared.items()},
        "fields": {
            field.name: {
                "type": type_name(hints[field.name]),
                "default": default_text(field),
                "doc": docs[field.name],
            }
            for field in dataclasses.fields(cls)
            if field.init
        },
    }

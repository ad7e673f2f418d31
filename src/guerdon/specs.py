"""Short texts that name a piece, for ``--task``, ``--policy``, ``--reward`` and every slot of a recipe.

==============================  ==========================================================
``token_tree``                  a piece by its class name or its short name, with its defaults
``token_tree:depth=2,vocab=3``  with fields set
``gym:CartPole-v1``             a text without ``=`` sets the first field
``chain_sum:max_terms=2``       a data set of reasoning-gym and its own options
``Qwen/Qwen3-0.6B``             as a policy: a Hugging Face model, by name or folder
``{"piece": "TokenTree"}``      JSON, as a saved recipe has it
==============================  ==========================================================
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.describe import field_types, is_class, type_name
from guerdon.errors import GuerdonError
from guerdon.serial import fits, from_json, suggest, to_json

if TYPE_CHECKING:
    from guerdon.recipe import Recipe

ALIASES = {"tree": "TokenTree", "jsonl": "JsonlProblems"}
"""Names that people type -> pieces."""


def short_name(cls: type) -> str:
    """``token_tree`` for ``TokenTree``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()


def _names(cls: type) -> tuple[str, ...]:
    return cls.__name__, short_name(cls), short_name(cls).replace("_", "-")


def pieces_of(kind: type) -> dict[str, type]:
    """Class name -> class of the pieces that are a ``kind``."""
    from guerdon.catalogue import pieces

    return {name: cls for name, cls in pieces().items() if issubclass(cls, kind)}


def piece_class(name: str, kind: type = object) -> type:
    """The piece with this class or short name.

    Raises:
        GuerdonError: if there is none; the message lists those of the kind.
    """
    known = pieces_of(kind)
    wanted = ALIASES.get(name, name)
    for cls in known.values():
        if wanted in _names(cls):
            return cls
    names = [*known] if kind is object else [short_name(cls) for cls in known.values()]
    names += [alias for alias, target in ALIASES.items() if target in known and kind is not object]
    names += generators() if kind_name(kind) == "task" else []
    missing = "" if generators() or kind_name(kind) != "task" else "; reasoning-gym's need pip install 'guerdon[tasks]'"
    raise GuerdonError(f"a {kind_name(kind)} must be one that guerdon has, got {name!r}{suggest(name, names)}{missing}")


def kind_name(kind: type) -> str:
    """``task`` for ``TaskSpec``."""
    return "piece" if kind is object else kind.__name__.removesuffix("Spec").lower()


def resolve(text: str, kind: type, where: str) -> Any:
    """The piece that a text names.

    Raises:
        GuerdonError: if the text names no piece of this kind, or sets a field that the piece lacks.
    """
    text = text.strip()
    if text.startswith("{"):
        piece = from_json(_json(text, where), where)
    else:
        name, _, options = text.partition(":")
        if _is_model(text, kind):
            name, options = "HuggingFaceLM", f"model={name},{options}"
        if (first := generator_of(name, kind)) is not None:
            name, options = first, f"{name},{options}"
        cls = piece_class(name, kind)
        piece = from_json({"piece": cls.__name__, **read_options(options, cls, where)}, where)
    if not isinstance(piece, kind):
        raise GuerdonError(f"{where} must be a {kind_name(kind)}, got {type(piece).__name__}")
    return piece


def reward(text: str) -> Any:
    """A reward piece by its spec, a scorer by its spec, or a function by ``package.module:name``.

    Raises:
        GuerdonError: if the text is none of these.
    """
    from guerdon.catalogue import slot_of
    from guerdon.piece import Piece, Scorer, Transform

    name, colon, rest = text.partition(":")
    rewards = {cls.__name__: cls for cls in pieces_of(Transform).values() if slot_of(cls) == "rewards"}
    known = {**rewards, **pieces_of(Scorer)}
    if any(name in _names(cls) for cls in known.values()) or text.startswith("{"):
        piece = resolve(text, Piece, "--reward")
        return rewards["Scored"](piece) if isinstance(piece, Scorer) else piece
    if colon and re.fullmatch(r"[\w.]+", name) and re.fullmatch(r"[\w.]+", rest):
        return rewards["Function"](text)
    names = [short_name(cls) for cls in known.values()]
    raise GuerdonError(
        f"--reward must be a reward piece, a scorer or module:function, got {text!r}{suggest(text, names)}"
    )


def generator_of(name: str, kind: type) -> str | None:
    """The task that a data set of reasoning-gym belongs to; None for other names, and without the package."""
    from guerdon.piece import TaskSpec

    if not issubclass(TaskSpec, kind) or kind is object or any(name in _names(cls) for cls in pieces_of(kind).values()):
        return None
    return "ReasoningGym" if name in generators() else None


def _is_model(text: str, kind: type) -> bool:
    """Whether a policy's text is the name or folder of a Hugging Face model: a path, or OWNER/NAME."""
    return kind_name(kind) == "policy" and ("/" in text.partition(":")[0] or (Path(text) / "config.json").exists())


def generators() -> list[str]:
    """The data sets of reasoning-gym; none without the package."""
    try:
        from reasoning_gym.factory import DATASETS
    except ModuleNotFoundError:
        return []
    return sorted(DATASETS)


def read_options(options: str, cls: type, where: str) -> dict[str, Any]:
    """``depth=2,vocab=3`` as JSON data for the fields of ``cls``; where one is ``options``, it takes the other keys.

    Raises:
        GuerdonError: if a field is unknown or a value does not fit.
    """
    hints = field_types(cls)
    values = {}
    for number, item in enumerate(part for part in split_options(options) if part):
        key, equals, text = item.partition("=")
        if not equals:
            if number or not hints:
                raise GuerdonError(f"{where}: options after a colon must be key=value, got {item!r}")
            key, text = next(iter(hints)), item
        if key in hints:
            values[key] = read_value(text, hints[key], f"{where}.{key}")
        elif "options" in hints:
            values.setdefault("options", {})[key] = read_value(text, Any, f"{where}.options.{key}")
        else:
            raise GuerdonError(f"{where}: {cls.__name__} has no field {key!r}{suggest(key, hints)}")
    return values


def read_value(text: str, hint: Any, where: str) -> Any:
    """A flag's text as JSON data for a field annotated ``hint``.

    Raises:
        GuerdonError: if no reading of the text fits.
    """
    from guerdon.piece import Piece

    for option in (hint, *_members(hint)):
        if is_class(option) and issubclass(option, Piece) and text.lower() not in ("none", "null"):
            return to_json(resolve(text, option, where))
    for reading in _readings(text, hint):
        if fits(from_json(reading, where), hint):
            return reading
    raise GuerdonError(f"{where} must be {type_name(hint)}, got {text!r}")


def _members(hint: Any) -> tuple[Any, ...]:
    import types
    import typing

    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else ()


def _readings(text: str, hint: Any) -> list[Any]:
    """What a text may mean, the likeliest first."""
    if hint is str:
        return [text]
    readings: list[Any] = []
    try:
        readings.append(json.loads(text))
    except json.JSONDecodeError:
        words = {"none": None, "true": True, "false": False, "inf": float("inf"), "-inf": float("-inf")}
        if text.lower() in words:
            readings.append(words[text.lower()])
    return [*readings, text]


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise GuerdonError(f"{where} must be JSON where it begins with a brace: {error}") from None


def split_options(options: str) -> list[str]:
    """Cut at the commas that stand outside brackets, braces and quotes."""
    parts, depth, quoted, start = [], 0, False, 0
    for place, sign in enumerate(options):
        quoted ^= sign == '"'
        if not quoted:
            depth += (sign in "[{(") - (sign in "]})")
        if sign == "," and not quoted and depth == 0:
            parts.append(options[start:place])
            start = place + 1
    return [*parts, options[start:]]


def find_recipe(name: str, variant: str | None = None) -> "Recipe":
    """The recipe of a paper or of a file.

    Raises:
        GuerdonError: if there is no such paper or variant, or the paper is no recipe.
    """
    from guerdon.catalogue import load_paper
    from guerdon.recipe import Recipe

    if name.endswith(".json") or Path(name).is_file():
        if variant is not None:
            raise GuerdonError(f"a recipe file has no variants, got --variant {variant} with {name}")
        return Recipe.load(name)
    paper = load_paper(name)
    if variant is not None and variant not in paper.compositions:
        raise GuerdonError(f"{name} has no composition {variant!r}{suggest(variant, paper.compositions)}")
    recipe = paper.recipe if variant is None else paper.compositions[variant]
    if not isinstance(recipe, Recipe):
        raise GuerdonError(
            f"{name} is a {paper.kind} without a recipe to train; `guerdon papers show {name}` says more"
        )
    return recipe

"""What there is: pieces and papers, found by folder. There is no register call and no list to keep."""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType

from guerdon.describe import is_class
from guerdon.errors import GuerdonError

SLOTS: tuple[str, ...] = (
    "tasks",
    "policies",
    "rollouts",
    "scorers",
    "rewards",
    "shaping",
    "credit",
    "advantages",
    "objectives",
    "curricula",
    "metrics",
)
"""Folders whose frozen dataclasses are pieces."""

EXTRAS = {
    "reasoning_gym": "tasks",
    "gymnasium": "control",
    "scipy": "control",
    "peft": "peft",
    "vllm": "vllm",
    "math_verify": "math",
    "sqlglot": "sql",
    "langdetect": "text",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "trl": "trl",
    "verl": "verl",
    "verifiers": "verifiers",
}
"""Optional import -> the extra that installs it."""


def modules(folder: str) -> list[ModuleType]:
    """Import every module of ``guerdon.<folder>`` (sub-packages included) and return them sorted by name."""
    package = importlib.import_module(f"guerdon.{folder}")
    found = pkgutil.walk_packages(package.__path__, f"guerdon.{folder}.")
    return [importlib.import_module(info.name) for info in sorted(found, key=lambda info: info.name)]


@cache
def pieces() -> dict[str, type]:
    """Class name -> class of every piece, plus the composites ``Objective``, ``Update`` and ``Recipe``.

    Raises:
        RuntimeError: if two pieces share a class name, since recipes are saved by class name.
    """
    from guerdon.objective import Objective
    from guerdon.piece import Piece
    from guerdon.recipe import Recipe
    from guerdon.update import Update

    found: dict[str, type] = {cls.__name__: cls for cls in (Objective, Update, Recipe)}
    for folder in SLOTS:
        for module in modules(folder):
            for name, cls in inspect.getmembers(module, is_class):
                if not issubclass(cls, Piece) or inspect.isabstract(cls) or cls.__module__ != module.__name__:
                    continue
                if not dataclasses.is_dataclass(cls):
                    continue
                if name in found:
                    raise RuntimeError(f"two pieces are called {name}: {found[name].__module__} and {module.__name__}")
                found[name] = cls
    return found


def written_by(cls: type) -> tuple[str, ...]:
    """The columns a piece writes; where fields decide, those it writes with its defaults (none without defaults)."""
    writes = getattr(cls, "writes", ())
    if isinstance(writes, tuple):
        return writes
    required = [f for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
    return () if required else cls().writes


def slot_of(cls: type) -> str:
    """The folder a piece lives in: ``advantages`` for ``guerdon.advantages.group``."""
    return cls.__module__.split(".")[1]


def papers_folder() -> Path:
    """Where the paper files are."""
    return Path(__file__).parent / "papers"


def paper_ids() -> list[str]:
    """Ids of all papers: the file names in ``papers/``."""
    return sorted(path.stem for path in papers_folder().glob("*.py") if not path.stem.startswith("_"))


def paper_facts(paper_id: str) -> dict[str, object]:
    """The constants of a paper's ``Paper(...)`` call, read from its source without importing it (no torch)."""
    path = papers_folder() / f"{paper_id}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    facts: dict[str, object] = {"id": paper_id, "claims": 0, "proxies": []}
    proxies = _proxies(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Paper":
            facts |= {
                word.arg: word.value.value
                for word in node.keywords
                if isinstance(word.value, ast.Constant) and word.arg
            }
            claims = next((word.value for word in node.keywords if word.arg == "claims"), None)
            names = [item.id for item in getattr(claims, "elts", []) if isinstance(item, ast.Name)]
            facts |= {"claims": len(names), "proxies": [name for name in names if name in proxies]}
    return facts


def _proxies(tree: ast.Module) -> set[str]:
    """Names of the functions under ``@claim(..., tier="proxy")``."""
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and any(isinstance(word, ast.Constant) and word.value == "proxy" for word in _decorations(node))
    }


def _decorations(node: ast.FunctionDef) -> list[ast.expr]:
    calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
    return [value for call in calls for value in (*call.args, *(word.value for word in call.keywords))]


def load_paper(paper_id: str):
    """The ``paper`` object of ``papers/<id>.py``.

    Raises:
        GuerdonError: if there is no such paper; the message names the nearest ids.
    """
    from guerdon.serial import suggest

    name = paper_id.replace("-", "_").removeprefix("baseline_")
    if name not in (known := paper_ids()):
        raise GuerdonError(f"a paper must be an id of `guerdon papers list`, got {paper_id!r}{suggest(name, known)}")
    return importlib.import_module(f"guerdon.papers.{name}").paper

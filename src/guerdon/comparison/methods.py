"""What stands for a method on the command line: ``[NAME=]ID[:VARIANT]|recipe.json[,FIELD=VALUE ...]``.

==============================  =====================================================
``grpo``                        a paper's recipe
``sapo:plain``                  one of its further compositions
``mine.json``                   a recipe file
``grpo,update.lr=0.1``          with fields changed, as ``guerdon train`` takes them
``slow=grpo,update.lr=0.01``    under a name of its own
==============================  =====================================================
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from guerdon import overrides
from guerdon.errors import GuerdonError
from guerdon.recipe import Recipe
from guerdon.runs.policy import is_run
from guerdon.runs.reading import read_run
from guerdon.specs import find_recipe, split_options

NAMED = re.compile(r"([^,:/={}]+)=(.+)", re.DOTALL)
Flags = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Method:
    """One method on all tasks."""

    name: str
    spec: str
    """As it was typed, without the name."""
    recipes: tuple[Recipe, ...]
    """One per task, complete."""
    notes: tuple[str, ...] = ()
    """What was exchanged to make it suit a task, and what ``Recipe.check`` warns about."""


def read_methods(specs: Sequence[str], tasks: Sequence[str], policy: str | None, flags: Flags) -> list[Method]:
    """The methods; ``flags`` are fields of all of them.

    Raises:
        GuerdonError: if one does not exist, cannot work, leaves its task open, or two have the same name.
    """
    methods = [read_method(spec, tasks, policy, flags) for spec in specs]
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise GuerdonError(f"two methods must not both be called {name!r}; give one another name: again={name}")
    return methods


def read_method(text: str, tasks: Sequence[str], policy: str | None, flags: Flags) -> Method:
    """One method on every task; without ``tasks`` on its own."""
    named = None if Path(text).exists() else NAMED.fullmatch(text)
    name, spec = (named[1].strip(), named[2]) if named else ("", text)
    head, *changes = split_options(spec)
    own = [(path, value) for path, _, value in (change.partition("=") for change in changes)]
    if bad := [change for change in changes if "=" not in change]:
        raise GuerdonError(f"after a method's comma stands FIELD=VALUE, got {bad[0]!r} in {text!r}")
    recipe = _find(head)
    recipes, notes = [], []
    for task in tasks or [None]:
        chosen: list[tuple[str, str]] = [] if task is None else [("task", task)]
        if policy is not None and is_run(policy):
            if recipe.task is None and task is None:
                recipe = replace(recipe, task=read_run(policy).recipe.task)
        elif policy is not None:
            chosen.append(("policy", policy))
        try:
            complete, exchanged = overrides.configured(recipe, [*chosen, *flags, *own])
            if complete.task is None:
                raise GuerdonError("it leaves its task open; name one with --task, see `guerdon tasks list`")
            notes += [*exchanged, *complete.check()]
        except GuerdonError as error:
            where = f" on {task}" if task and len(tasks) > 1 else ""
            raise GuerdonError(f"{name or spec}{where}: {error}") from None
        recipes.append(complete)
    short = Path(head).stem if head.endswith(".json") else head
    label = name or ",".join([short, *changes])
    return Method(label, spec, tuple(recipes), tuple(dict.fromkeys(notes)))


def _find(head: str) -> Any:
    """The recipe of ``ID``, ``ID:VARIANT`` or a file."""
    if head.endswith(".json") or Path(head).is_file():
        return find_recipe(head)
    name, colon, variant = head.partition(":")
    return find_recipe(name, variant if colon else None)


__all__ = ["Method", "read_method", "read_methods"]

"""What a comparison consists of, and the folder it lives in: one run folder per method, task and seed.

```
DIR/
  plan.json                              what is compared; a folder of another plan is refused
  cells/<method>/<task>/seed_<n>/        run folders
  logs/                                  what the processes wrote to standard error
  compare.json, compare.html             the result
  .lock                                  held while a process of the comparison lives
```
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import IO, Any

from guerdon.comparison.methods import Method
from guerdon.errors import GuerdonError
from guerdon.recipe import Recipe
from guerdon.runs.atomic import write_text
from guerdon.runs.folder import differences
from guerdon.serial import to_json

FORMAT = 1


@dataclass(frozen=True)
class Cell:
    """One run of the comparison."""

    method: int
    task: int
    seed: int
    path: Path
    label: str
    """For people: method, task if there are several, seed."""


@dataclass(frozen=True)
class Plan:
    """Methods x tasks x seeds."""

    folder: Path
    methods: tuple[Method, ...]
    tasks: tuple[str, ...]
    """Names, for people."""
    seeds: tuple[int, ...]
    steps: int
    policy: str | None = None
    """A run folder whose policy all begin from."""
    reseed_task: bool = False
    """Whether each seed has a task of its own."""
    looks: tuple[int, ...] = ()
    """How many seeds earlier calls had, when it was more and more."""

    def cells(self) -> list[Cell]:
        """All runs; the first seed of every method and task comes first, so that what is done is balanced."""
        methods, tasks = slugs([method.name for method in self.methods]), slugs(self.tasks)
        return [
            Cell(
                m,
                t,
                seed,
                self.folder / "cells" / methods[m] / tasks[t] / f"seed_{seed}",
                " ".join([self.methods[m].name] + [self.tasks[t]] * (len(self.tasks) > 1) + [f"seed {seed}"]),
            )
            for seed in self.seeds
            for t in range(len(self.tasks))
            for m in range(len(self.methods))
        ]

    def recipe(self, cell: Cell) -> Recipe:
        """What a cell trains by."""
        recipe = self.methods[cell.method].recipes[cell.task]
        task: Any = recipe.task
        if self.reseed_task and "seed" in {field.name for field in fields(task)}:
            recipe = replace(recipe, task=replace(task, seed=cell.seed))
        return recipe

    def to_json(self) -> dict[str, Any]:
        """What decides whether two calls speak of the same comparison, and how many seeds each look had."""
        return {
            "format": FORMAT,
            "methods": {
                method.name: {"spec": method.spec, "recipes": [to_json(recipe) for recipe in method.recipes]}
                for method in self.methods
            },
            "tasks": list(self.tasks),
            "steps": self.steps,
            "policy": self.policy,
            "reseed_task": self.reseed_task,
            "first_seed": self.seeds[0],
            "looks": list(self.looks),
        }

    def begin(self) -> "Plan":
        """Make the folder, or go on in it; the plan with the looks before.

        Seeds may be added: every cell stands alone.

        Raises:
            GuerdonError: if the folder holds another comparison, or something else.
        """
        path, looks = self.folder / "plan.json", ()
        if path.exists():
            before = self._read(path)
            changed = list(differences({**before, "looks": []}, _plain({**self.to_json(), "looks": []})))
            if changed:
                raise GuerdonError(
                    f"{self.folder} must be gone on with as it was begun, but {'; '.join(changed[:3])}; "
                    "take that back, or compare in a new folder"
                )
            looks = tuple(before["looks"])
        elif self.folder.exists() and any(entry.name != ".lock" for entry in self.folder.iterdir()):
            raise GuerdonError(f"{self.folder} must be a new folder or one of a comparison, but it holds other things")
        return replace(self, looks=looks)

    def looked(self) -> "Plan":
        """With this call's number of seeds among the looks."""
        return replace(self, looks=tuple(dict.fromkeys([*self.looks, len(self.seeds)])))

    def write(self) -> None:
        """Write ``plan.json``."""
        write_text(self.folder / "plan.json", json.dumps(self.to_json(), indent=2) + "\n")

    @staticmethod
    def _read(path: Path) -> dict[str, Any]:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
            raise GuerdonError(f"{path} must be the plan of a comparison: {error}") from None
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise GuerdonError(f"{path} must be a plan of format {FORMAT}")
        return found


def claim(folder: Path) -> IO[str]:
    """Make the folder and hold it; the open file is to be handed to every process that writes there.

    Raises:
        GuerdonError: if a process of another call still writes to it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / ".lock").open("w")
    try:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:
        return lock
    except OSError:
        lock.close()
        raise GuerdonError(
            f"{folder} must be written by one comparison at a time, but a process of another one still runs; "
            "after a kill it ends with the step it was in"
        ) from None
    return lock


def slugs(names: Sequence[str]) -> list[str]:
    """Names as folder names, all different."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.=+-]+", "_", name).strip("._")[:60] or "x"
        slug, number = plain, 2
        while slug.lower() in (other.lower() for other in found):
            slug, number = f"{plain}_{number}", number + 1
        found.append(slug)
    return found


def _plain(data: Any) -> Any:
    """As it reads once it was written."""
    return json.loads(json.dumps(data))


__all__ = ["Cell", "Plan", "claim", "slugs"]

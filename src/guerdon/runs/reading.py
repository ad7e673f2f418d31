"""Reading a run folder, also while its run is going on."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.runs.checkpoint import steps_in
from guerdon.runs.tables import read_tables
from guerdon.serial import from_json

if TYPE_CHECKING:
    from guerdon.recipe import Recipe

FORMAT = 1
"""Of the folder; raised when a reader of before could not read it any more."""


@dataclass(frozen=True)
class Run:
    """A run folder that was read."""

    path: Path
    facts: dict[str, Any]
    """``run.json``."""
    metrics: list[dict[str, float]]
    """One entry per step, ``step`` included."""

    @property
    def recipe(self) -> "Recipe":
        """The recipe, rebuilt.

        Raises:
            GuerdonError: if it uses a piece that is not in the catalogue.
        """
        return from_json(self.facts["recipe"])

    @property
    def rollout_steps(self) -> list[int]:
        """Steps whose rollouts are stored."""
        return list(steps_in(self.path / "rollouts"))

    @property
    def checkpoint_steps(self) -> list[int]:
        """Steps that have a checkpoint."""
        return list(steps_in(self.path / "checkpoints"))


def read_run(path: str | Path) -> Run:
    """Read ``run.json`` and ``metrics.jsonl``; works while the run is going on.

    Raises:
        GuerdonError: if there is no run.
    """
    path = Path(path)
    return Run(path, read_facts(path), list(read_metrics(path / "metrics.jsonl")))


def read_batch(path: str | Path, step: int) -> Batch:
    """The stored rollouts of a step, as the batch they were (on the CPU, ``run.task`` not included).

    Raises:
        GuerdonError: if that step was not stored; the message lists those that were.
    """
    stored = steps_in(Path(path) / "rollouts")
    if step not in stored:
        have = ", ".join(map(str, stored)) or "none"
        raise GuerdonError(f"the rollouts of {path} must be asked for by a stored step ({have}), got {step}")
    return read_tables(stored[step])


def read_facts(path: Path) -> dict[str, Any]:
    """``run.json`` of a run folder.

    Raises:
        GuerdonError: if it is not there, is no JSON, or is of another format.
    """
    try:
        found = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GuerdonError(f"{path} must be a run folder with a run.json: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise GuerdonError(f"{path / 'run.json'} must be of format {FORMAT}")
    return found


def read_metrics(path: Path) -> Iterator[dict[str, float]]:
    """The complete lines of ``metrics.jsonl``; ``null`` reads as NaN, and a torn last line is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                entry = json.loads(line)
            except json.JSONDecodeError:
                continue
            yield {name: math.nan if value is None else value for name, value in entry.items()}


def read_evaluation(path: Path) -> dict[str, Any]:
    """``eval.json`` of a run folder; empty if there is none.

    Raises:
        GuerdonError: if it is no JSON object.
    """
    try:
        found = json.loads((path / "eval.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise GuerdonError(f"{path / 'eval.json'} must be JSON: {error}") from None
    if not isinstance(found, dict):
        raise GuerdonError(f"{path / 'eval.json'} must be a JSON object, got {type(found).__name__}")
    return found


__all__ = ["Run", "read_batch", "read_evaluation", "read_facts", "read_metrics", "read_run"]

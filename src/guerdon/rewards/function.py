"""A reward of your own: any Python function, by its import path.

Idea
    ``fn(*, prompt, response, problem, **columns) -> float | None | dict[str, float | None]``. ``prompt`` is the
    prompt as text, ``response`` the sampled text, ``problem`` the ``Problem`` (``id``, ``prompt``, ``answer``,
    ``meta``). A function may name fewer of them, and ``columns=("run.step", "run.progress", "run.seed")`` tells it the
    state of the run. None is unscored; a dict gives several components. ``async def`` is fine.
    It runs guarded (``guard.py``), so it may hang, raise, print or crash.
Reads
    ``group.prompt``, ``group.problem``, ``traj.response`` and whatever ``columns`` names.
Deviations
    None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards._columns import REASONS, check_bounds, reward_columns
from guerdon.rewards.guard import Guard

ALWAYS = {"prompt": "group.prompt", "response": "traj.response", "problem": "group.problem"}


@dataclass(frozen=True)
class Function(Transform):
    """``r_i = fn(prompt=, response=, problem=, ...)`` for each trajectory."""

    path: str
    """The function, as ``package.module:name``."""
    name: str = "function"
    """The component's name: writes ``traj.reward/<name>``."""
    components: tuple[str, ...] = ()
    """Where the function returns a dict: its keys; writes ``traj.reward/<key>`` for each instead."""
    columns: tuple[str, ...] = ()
    """Further columns to pass, such as ``traj.truncated`` or ``group.source``, under their names without the level."""
    guard: Guard = field(default_factory=Guard)
    """How the function is called; with ``batched`` it takes lists instead and returns a list."""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """Smallest and largest score of every component; anything beyond is unscored."""

    def __post_init__(self) -> None:
        module, colon, name = self.path.partition(":")
        if not (module and colon and name):
            raise GuerdonError(f"Function.path must be package.module:name, got {self.path!r}")
        check_bounds("Function", self.bounds)
        names = [*ALWAYS, *(split_name(column)[1] for column in self.columns)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise GuerdonError(f"Function.columns must have different names, got {', '.join(twice)} twice")
        if finer := [column for column in self.columns if split_name(column)[0] not in ("traj", "group", "run")]:
            raise GuerdonError(
                f"Function.columns must be of level traj, group or run, got {', '.join(finer)}; reduce it to traj first"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Prompt, response, problem and the chosen columns."""
        return (*ALWAYS.values(), *self.columns)

    @property
    def writes(self) -> tuple[str, ...]:
        """The components and the reasons."""
        return (*(f"traj.reward/{key}" for key in self.components or (self.name,)), REASONS)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The components ``[traj]``, NaN where unscored, and the reasons.

        Raises:
            GuerdonError: if the function cannot be loaded, or returns components that ``components`` does not name.
        """
        given = ALWAYS | {split_name(column)[1]: column for column in self.columns}
        values = {key: items(batch, column) for key, column in given.items()}
        calls = [{key: column[row] for key, column in values.items()} for row in range(batch.size("traj"))]
        return reward_columns(batch, self.guard(self.path, calls), self.name, self.components, self.bounds)


def items(batch: Batch, name: str) -> list[Any]:
    """A column as one plain value per trajectory, so that a worker needs no torch to read it."""
    level, column = split_name(name)
    if level == "run":
        return [batch[name]] * batch.size("traj")
    values = batch[f"traj.{column}" if level == "group" else name]
    return values.tolist() if isinstance(values, Tensor) else values

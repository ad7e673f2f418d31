"""A number that comes with each problem, such as a stored weight or the size of a target, as a column.

Idea
    Data sets say how hard or how important a problem is. As a column of the group it can weigh the loss
    (``objectives/row_weight.py``) or the reward (``shaping/group_scale.py``).
Reads
    ``group.problem``: ``problem.meta[key]``, a number, or a label that ``values`` gives a number for.
Deviations
    None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class ProblemNumber(Transform):
    """``group.<key> = problem.meta[key]``, or what ``values`` says of that label."""

    key: str
    """Key of ``problem.meta``; also the column's name."""
    values: dict[str, float] = field(default_factory=dict)
    """Label -> number, where the problems have labels."""
    default: float | None = None
    """Number of a problem without the key; None: every problem must have it."""

    reads = ("group.problem",)

    def __post_init__(self) -> None:
        split_name(f"group.{self.key}")

    @property
    def writes(self) -> tuple[str, ...]:
        """The column."""
        return (f"group.{self.key}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The numbers, ``[group]``."""
        numbers = [self.number(problem) for problem in batch["group.problem"]]
        return {f"group.{self.key}": torch.tensor(numbers, dtype=torch.get_default_dtype(), device=batch.device)}

    def number(self, problem: Problem) -> float:
        """The number of one problem.

        Raises:
            GuerdonError: if it has none, or a label that has none.
        """
        given = problem.meta.get(self.key, self.default)
        number = self.values.get(given, given) if isinstance(given, str) else given
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            labels = f" or one of {', '.join(self.values)}" if self.values else ""
            raise GuerdonError(f"problem {problem.id} needs a number{labels} in meta[{self.key!r}], got {given!r}")
        return float(number)

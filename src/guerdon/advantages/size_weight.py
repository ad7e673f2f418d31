"""More weight for prompts whose target is small (gui_g1).

Idea
    Small buttons are hard to hit; weighing their loss up balances what the large ones learn by themselves.
Maths
    ``w_g = clip(sqrt(mean size / size_g), low, high)``, the mean over the groups of the batch.
Reads
    ``column``, a size per group. Writes ``group.weight``: use it as ``RowWeight("group.weight")``.
Deviations
    GUI-G1's code reads a stored number per sample (``ProblemNumber("rate")`` and ``RowWeight("group.rate")``); how it
    comes from the size is not released, and this formula is ours. A size of 0 has the weight ``high``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class SizeWeight(Transform):
    """``group.weight = clip(sqrt(mean size / size), low, high)``."""

    low: float = 0.5
    """Weight of the largest targets."""
    high: float = 2.0
    """Weight of the smallest targets."""
    column: str = "group.size"
    """The size, an area for example."""

    writes = ("group.weight",)

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < float("inf"):
            raise GuerdonError(f"SizeWeight needs 0 <= low <= high, got low={self.low} and high={self.high}")
        if split_name(self.column)[0] != "group":
            raise GuerdonError(f"SizeWeight.column must be a column of the level group, got {self.column!r}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The size."""
        return (self.column,)

    @property
    def moot(self) -> str:
        """Equal weights are a factor of the learning rate."""
        return f"gives the weight {self.low:g} to every group: low and high are equal" if self.low == self.high else ""

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.weight``, ``[group]``.

        Raises:
            GuerdonError: if a size is negative or no number.
        """
        size = batch[self.column]
        if not bool((size >= 0).all()):
            raise GuerdonError(f"{self.column} must be sizes of 0 or more, got {float(size.min()):g}")
        ratio = size.mean() / size.clamp(min=1e-30)
        return {"group.weight": ratio.sqrt().clamp(self.low, self.high)}

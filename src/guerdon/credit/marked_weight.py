"""More weight for marked actions, the same weight for the whole response: numbers in a program, say (CAD-RL).

Maths
    ``w_t = weight`` for marked actions, else 1; ``action.marked_weight = w_t T / sum_t w_t`` over the T trained actions of
    a trajectory, so that a mean over them is ``sum_t w_t l_t / sum_t w_t``.
Reads
    ``action.id`` where ids are named, else ``column``; ``action.mask`` if there is one.
Deviations
    None. Use it as ``RowWeight("action.marked_weight")``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform


@dataclass(frozen=True)
class MarkedWeight(Transform):
    """``w_t T / sum_t w_t`` with ``w_t = weight`` on marked actions and 1 on the others."""

    weight: float = 2.0
    """Weight of a marked action beside an unmarked one."""
    ids: tuple[int, ...] = ()
    """Ids of the marked actions; none: ``column`` marks them."""
    column: str = "action.marked"
    """Boolean column of the marks, where no ids are named."""

    writes = ("action.marked_weight",)

    def __post_init__(self) -> None:
        split_name(self.column)
        if not 0 < self.weight < float("inf"):
            raise GuerdonError(f"MarkedWeight.weight must be positive and finite, got {self.weight}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Ids or marks."""
        return ("action.id",) if self.ids else (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Weights, ``[action]``."""
        marked = torch.isin(batch["action.id"], torch.tensor(self.ids)) if self.ids else batch[self.column].bool()
        index, size = batch.index("action", "traj"), batch.size("traj")
        weight = torch.where(marked, self.weight, 1.0)
        mean = segment.mean(weight, index, size, trained(batch))
        return {"action.marked_weight": weight / torch.where(mean > 0, mean, 1.0)[index]}

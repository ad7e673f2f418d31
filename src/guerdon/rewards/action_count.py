"""A reward for how many actions of a kind a response has: the simplest judge that can be hacked.

Maths
    ``r = min(1, n / scale)``, n the actions whose id is in ``ids`` (all actions, if none are named).
Reads
    ``action.id`` where ids are named.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class ActionCount(Transform):
    """``min(1, n / scale)`` for the n actions of a trajectory that are among ``ids``."""

    scale: float
    """Actions from which on the reward is 1."""
    ids: tuple[int, ...] = ()
    """Which actions count; none named: all of them."""
    name: str = "count"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise GuerdonError(f"ActionCount.scale must be positive, got {self.scale}; it is a number of actions")

    @property
    def reads(self) -> tuple[str, ...]:
        """The ids, where some are named."""
        return ("action.id",) if self.ids else ()

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        index, size = batch.index("action", "traj"), batch.size("traj")
        where = torch.isin(batch["action.id"], torch.tensor(self.ids, device=index.device)) if self.ids else None
        count = segment.count(index, size, where).to(torch.get_default_dtype())
        return {f"traj.reward/{self.name}": (count / self.scale).clamp(max=1)}

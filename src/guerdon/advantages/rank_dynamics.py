"""How a response's hidden states spread out, as columns that a bonus can be made of (verl_er).

Maths
    See ``metrics/effective_rank.py``: effective rank, mean velocity and mean acceleration over growing prefixes.
Reads
    ``action.old_hidden``: the states of the policy that begins the update.
Deviations
    The last layer's states, the ones that predict each sampled token. Of a longer response the last ``window`` count.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.metrics.effective_rank import rank_dynamics
from guerdon.piece import Transform

COLUMNS = ("traj.effective_rank", "traj.rank_velocity", "traj.rank_acceleration")


@dataclass(frozen=True)
class RankDynamics(Transform):
    """``traj.effective_rank``, ``traj.rank_velocity`` and ``traj.rank_acceleration`` of the hidden states."""

    stride: int = 20
    """Actions between two prefixes."""
    window: int | None = 512
    """At most this many last states; None: all."""

    reads = ("action.old_hidden",)
    writes = COLUMNS
    invariant = frozenset({"scale", "shift", "group_scale", "group_shift"})

    def __post_init__(self) -> None:
        if self.stride < 1 or (self.window is not None and self.window < 2):
            raise GuerdonError(
                "RankDynamics needs stride >= 1 and a window of at least 2 or None, "
                f"got stride={self.stride}, window={self.window}"
            )

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The three columns, ``[traj]``."""
        hidden = batch["action.old_hidden"]
        hidden = hidden.detach() if hidden.dim() == 2 else hidden.detach()[:, None]
        counts = segment.count(batch.index("action", "traj"), batch.size("traj")).tolist()
        parts = hidden.split(counts)
        rows = [rank_dynamics(part if self.window is None else part[-self.window :], self.stride) for part in parts]
        table = torch.tensor(rows, device=batch.device).reshape(-1, 3)
        return dict(zip(COLUMNS, table.unbind(1), strict=True))

"""Success by the majority of a judge's verdicts on the same trajectory (World-Gymnast).

Maths
    ``r = 1[more than half of the n verdicts are 1]``; a tie is no success.
Reads
    ``votes``, ``[traj, n]``: 1, 0, or NaN where the judge failed.
Deviations
    How the paper's package puts five verdicts together is not public; strict majority is our reading. A failed verdict
    is one against; with ``missing="ignore"`` it does not count, and a trajectory without any is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class MajorityVote(Transform):
    """``1[more than half of the verdicts are 1]``."""

    votes: str = "traj.votes"
    """The verdicts, ``[traj, n]``."""
    missing: Literal["against", "ignore"] = "against"
    """What a verdict that failed counts."""
    name: str = "success"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        split_name(self.votes)

    @property
    def reads(self) -> tuple[str, ...]:
        """The verdicts."""
        return (self.votes,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        votes = batch[self.votes][:, None].flatten(1).to(torch.get_default_dtype())
        cast = votes.isfinite()
        counted = (
            cast.sum(1) if self.missing == "ignore" else torch.full((len(votes),), votes.shape[1]).to(votes.device)
        )
        success = (2 * (cast & (votes > 0.5)).sum(1) > counted).to(votes.dtype)
        lost = (counted == 0) & (self.missing == "ignore")
        return {f"traj.reward/{self.name}": success.masked_fill(lost, torch.nan)}

"""Right responses alone: what expert iteration and rejection fine-tuning train on (echo).

Idea
    Sample, keep what the verifier accepts, imitate it.
Maths
    Keep i where ``R_i > threshold``; with ``distinct`` the first of equal responses to a prompt.
Reads
    ``traj.reward``, ``traj.response``.
Deviations
    The loop samples again where nothing of a batch is left (``Recipe.max_refills``).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.piece import Filter


@dataclass(frozen=True)
class RightOnly(Filter):
    """Keep the trajectories with a reward above ``threshold``; unscored ones are dropped."""

    threshold: float = 0.5
    """Rewards above this are right."""
    distinct: bool = True
    """Keep one of equal responses to the same prompt."""

    level = "traj"

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and, to tell equal ones, the responses."""
        return ("traj.reward", *(("traj.response",) if self.distinct else ()))

    def __call__(self, batch: Batch) -> Tensor:
        """Boolean ``[traj]``."""
        keep = batch["traj.reward"] > self.threshold
        if not self.distinct:
            return keep
        group, seen, first = batch.index("traj", "group").tolist(), set(), []
        for row, (response, right) in enumerate(zip(batch["traj.response"], keep.tolist(), strict=True)):
            key = (group[row], response)
            first.append(right and key not in seen)
            if right:
                seen.add(key)
        return torch.tensor(first, dtype=torch.bool, device=batch.device)

"""A right response pays where it was less sure of itself while thinking than while answering (pear).

Idea
    Undecided tokens in the thinking phase are the exploration that makes it long; the answer phase shows what
    certainty the response ended in.
Maths
    ``r = -c max(0, mean H(thinking) - alpha mean H(answer))`` where c is 1 for a right response; the closing tag belongs
    to neither phase.
Reads
    ``action.old_entropy``, ``action.id``, ``correct`` (an outcome, right above 0.5).
Deviations
    A component beside the outcome: their sum never exceeds the outcome, so the paper's ``min(1, .)`` has nothing to
    do. Several tags: the first counts. A phase without tokens has entropy 0; without a tag all is thinking.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.shaping._outcome import right
from guerdon.shaping._phases import phases


@dataclass(frozen=True)
class PhaseEntropy(Transform):
    """``-max(0, mean H(thinking) - alpha mean H(answer))`` for right responses, 0 for others."""

    tag: tuple[int, ...]
    """Token ids of the tag that closes the thinking phase."""
    alpha: float = 1.0
    """How much entropy of the answer excuses."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    writes = ("traj.reward/phase_entropy",)

    @property
    def reads(self) -> tuple[str, ...]:
        """Entropies, ids and the outcome."""
        return ("action.old_entropy", "action.id", self.correct)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/phase_entropy``, ``[traj]``."""
        index, size, entropy = batch.index("action", "traj"), batch.size("traj"), batch["action.old_entropy"]
        thinking, answer = (segment.mean(entropy, index, size, phase) for phase in phases(batch, self.tag))
        cost = (thinking - self.alpha * answer).clamp(min=0)
        paying = right(batch, self.correct)
        return {"traj.reward/phase_entropy": torch.where(paying, -cost, torch.zeros_like(cost))}

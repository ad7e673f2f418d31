"""A right response whose own reasoning makes its answer likely earns more (grpo_care).

Idea
    A slowly moving copy of the policy reads the response: if its answer is likely after its reasoning, compared with the
    other right responses to the prompt, reasoning and answer belong together.
Maths
    ``conf_i = min(exp(mean log pi_ema over the answer's tokens), cap)``. Right: ``acc_i > least`` and ``acc_i`` at least
    the group's mean. ``r_i = weight acc_i`` if i is right and ``conf_i >= mean conf of the right ones - margin``, else 0.
Reads
    ``action.ema_logprob``, ``action.id``, ``correct`` (an outcome in 0..1).
Deviations
    A response without answer tokens has no likelihood (the released code: exp(0) = 1) and counts as not right.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._phases import between


@dataclass(frozen=True)
class ConsistencyBonus(Transform):
    """``weight acc_i`` for right responses whose answer is likely under the moving average, among their right peers."""

    opening: tuple[int, ...]
    """Token ids of the tag before the answer."""
    closing: tuple[int, ...]
    """Token ids of the tag behind it; the end-of-sequence token will do."""
    weight: float = 0.5
    """Of the bonus."""
    margin: float = 0.01
    """How far below the right ones' mean a likelihood may lie."""
    cap: float = 0.95
    """Likelihoods count up to this."""
    least: float = 0.1
    """An outcome must exceed this to be right."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    writes = ("traj.reward/consistency",)

    def __post_init__(self) -> None:
        if not self.opening or not self.closing:
            raise GuerdonError(
                f"ConsistencyBonus needs ids of an opening and a closing tag, got {self.opening} and {self.closing}"
            )
        if not 0 < self.cap <= 1:
            raise GuerdonError(f"ConsistencyBonus.cap must lie in (0, 1], got {self.cap}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs of the moving average, ids and the outcome."""
        return ("action.ema_logprob", "action.id", self.correct)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/consistency``, ``[traj]``; 0 where the outcome is missing."""
        outcome, group, groups = batch[self.correct], batch.index("traj", "group"), batch.size("group")
        answer = between(batch, self.opening, self.closing)
        index, size = batch.index("action", "traj"), batch.size("traj")
        likelihood = segment.mean(batch["action.ema_logprob"], index, size, answer).exp().clamp(max=self.cap)
        answered = segment.count(index, size, answer) > 0
        mean = segment.mean(outcome, group, groups, outcome.isfinite())[group]
        right = answered & (outcome > self.least) & (outcome >= mean)
        limit = segment.mean(likelihood, group, groups, right)[group] - self.margin
        paid = right & (likelihood >= limit)
        return {"traj.reward/consistency": torch.where(paid, self.weight * outcome, torch.zeros_like(outcome))}

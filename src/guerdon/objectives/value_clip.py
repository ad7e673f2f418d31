"""Regression of a critic on returns, with PPO's clip around the old value (baseline-ppo).

Maths
    ``l = coef max((V - G)^2, (clip(V, V_old - clip, V_old + clip) - G)^2)``.
Reads
    ``action.value``, ``action.return`` and, with a clip, ``action.old_value``; the boolean column ``where`` if named.
Deviations
    ``coef`` holds every constant: verl's loss is 0.5 times the square (clip 0.5), and CleanRL multiplies that by 0.5.
"""

from dataclasses import dataclass

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import of_trained, trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class ValueClip(Term):
    """``coef max((V - G)^2, (clip(V, V_old +- clip) - G)^2)``."""

    coef: float = 0.5
    """Weight, the square's customary factor 1/2 included."""
    clip: float | None = 0.5
    """How far from the old value the error may shrink; None: plain regression."""
    where: str | None = None
    """Boolean column, of any level, of what the critic learns from; the other actions have loss 0. None: all."""

    def __post_init__(self) -> None:
        if self.clip is not None and self.clip <= 0:
            raise GuerdonError(f"ValueClip.clip must be positive or None, got {self.clip}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Value, return, with a clip the old value, and ``where``."""
        old = ("action.old_value",) if self.clip is not None else ()
        return ("action.value", "action.return", *old, *((self.where,) if self.where else ()))

    @property
    def clips_ratio(self) -> bool:
        """A clip around the old value is idle where the value is still the old one."""
        return self.clip is not None

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; metric ``value_error`` is the squared error over the trained actions."""
        value, target = batch["action.value"], batch["action.return"]
        error = (value - target).square()
        loss = error
        if self.clip is not None:
            old = batch["action.old_value"]
            near = old + (value - old).clamp(-self.clip, self.clip)
            loss = torch.maximum(error, (near - target).square())
        told = error.detach()
        if self.where:
            learned = batch[f"action.{split_name(self.where)[1]}"]
            loss, told = torch.where(learned, loss, torch.zeros_like(loss)), told[trained(batch) & learned]
        else:
            told = of_trained(batch, told)
        return RowLoss("action", self.coef * loss, {"value_error": told})

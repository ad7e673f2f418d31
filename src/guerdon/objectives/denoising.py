"""Denoising regression: what pre-trains a diffusion model, and its anchor during fine-tuning.

Maths
    l = coef mean_d g(eps_hat_d - eps_d), one row per denoising step, g squared by default.
    With ``target="action.ref_noise_prediction"`` it is the KL penalty in noise space of DPOK.
Reads
    ``action.noise_prediction`` and the target column (``action.noise``).
Deviations
    None (Ho et al. 2020, eq. 14: every time weighs the same).
"""

from dataclasses import dataclass, field
from typing import Any

from guerdon.batch import Batch
from guerdon.objectives.regression import Regression, Squared
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class NoiseRegression(Term):
    """``coef mean_d g(prediction - target)`` per denoising step."""

    target: str = "action.noise"
    """Column of the wanted noise; ``action.ref_noise_prediction`` keeps the model near the frozen reference."""
    regression: Regression = field(default_factory=Squared)
    """g."""
    coef: float = 1.0
    """Weight, where this is a regulariser."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Prediction and target."""
        return ("action.noise_prediction", self.target)

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """One row per action."""
        error = self.regression(batch["action.noise_prediction"] - batch[self.target]).mean(1)
        return RowLoss("action", self.coef * error, {"noise_error": error.detach()})

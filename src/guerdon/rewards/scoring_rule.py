"""A proper scoring rule as a reward: stating what one believes is the best policy (rlcr).

Idea
    Pay for a stated confidence such that the truth pays best. Together with a reward of 1 for a right answer it neither
    spoils the choice of the answer nor invites guessing.
Maths
    With confidence q and outcome c: brier ``-(q - c)^2``; log ``c log q + (1 - c) log(1 - q)``, probabilities at least
    ``floor``; spherical ``(c q + (1 - c)(1 - q)) / sqrt(q^2 + (1 - q)^2) - 1``. Each is 0 at best, and for P(c = 1) = p its
    expectation is largest at q = p. ``c + coef S(q, c)`` prefers the likelier answer at every p if and only if
    ``coef S(0, 1) >= -1``: true for brier and spherical with coef <= 1, never for log with a floor below 1/e.
Reads
    ``confidence`` (NaN where none was stated) and ``correct``.
Deviations
    The proof asks for a bounded rule; what is needed is the bound above. A missing confidence is a format failure:
    ``void`` takes the outcome's reward away again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

Rule = Literal["brier", "log", "spherical"]


def score(confidence: Tensor, outcome: Tensor, rule: Rule = "brier", floor: float = 0.01) -> Tensor:
    """The rule's value per row, 0 at best; an outcome between 0 and 1 is an expectation, except under ``brier``."""
    if rule == "brier":
        return -(confidence - outcome).square()
    if rule == "log":
        yes, no = (each.clamp(min=floor).log() for each in (confidence, 1 - confidence))
        return outcome * yes + (1 - outcome) * no
    length = (confidence.square() + (1 - confidence).square()).sqrt()
    return (outcome * confidence + (1 - outcome) * (1 - confidence)) / length - 1


@dataclass(frozen=True)
class ScoringRule(Transform):
    """``coef S(q, c)``: largest in expectation where the stated confidence q is the chance of being right."""

    rule: Rule = "brier"
    """S."""
    coef: float = 1.0
    """Weight; above 1 (brier, spherical) a surely wrong answer may pay better than a doubtful one."""
    floor: float = 0.01
    """log: smallest probability, which bounds what a confident error costs."""
    missing: Literal["void", "worst", "unscored"] = "void"
    """What no confidence costs: the outcome's own reward, as much as the worst one, or it is unscored."""
    confidence: str = "traj.confidence"
    """q."""
    correct: str = "traj.reward/correct"
    """c: an outcome in 0..1."""
    name: str = "calibration"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        if not 0 < self.floor < 0.5:
            raise GuerdonError(f"ScoringRule.floor must lie in (0, 0.5), got {self.floor}; it is a probability")
        if not self.coef > 0:
            raise GuerdonError(f"ScoringRule.coef must be positive, got {self.coef}; the rule has the sign already")

    @property
    def reads(self) -> tuple[str, ...]:
        """Confidence and outcome."""
        return (self.confidence, self.correct)

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``; NaN where the outcome is unscored."""
        outcome = batch[self.correct]
        stated = batch[self.confidence].to(outcome.dtype)
        sure = torch.ones_like(outcome)
        otherwise = {
            "void": -outcome,
            "worst": self.coef * score(sure, 0 * sure, self.rule, self.floor),
            "unscored": torch.nan * sure,
        }[self.missing]
        values = torch.where(stated.isnan(), otherwise, self.coef * score(stated, outcome, self.rule, self.floor))
        return {f"traj.reward/{self.name}": torch.where(outcome.isnan(), outcome, values)}

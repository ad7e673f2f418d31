"""Scores on the criteria of a rubric as one reward: veto, saturation, interactions, and a stretch at the top (rubicon).

Idea
    A critical criterion at 0 takes everything; more of what is good enough already earns little; some criteria count
    more together; and among good responses differences are made large again.
Maths
    ``V = prod over critical of [s_k > 0]``;
    ``u_k = (min(s_k, knee) + slope max(0, s_k - knee)) / (knee + slope (1 - knee))``;
    ``b = sum_k w_k u_k / sum_k w_k``; ``b' = b + sum_ij g_ij u_i u_j`` cut to [0, 1];
    above ``top``: ``top + (1 - top) ((b' - top) / (1 - top))^power``; ``R = V b'``.
Reads
    The criteria, components in [0, 1].
Deviations
    The paper names the mechanisms; the formulas are concrete choices (abstract only). Scores beyond [0, 1] are cut.
    A missing criterion makes the response unscored; with ``missing="drop"`` it is left out and the weights of the
    others are scaled up, and only a response without any is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import check_names, check_output, column_of, table


@dataclass(frozen=True)
class Rubric(Transform):
    """``R = V stretch(b + sum_ij g_ij u_i u_j)`` over saturated criteria u."""

    weights: dict[str, float]
    """Criterion -> weight, not negative."""
    critical: tuple[str, ...] = ()
    """Criteria that take everything when they are 0."""
    interactions: tuple[tuple[str, str, float], ...] = ()
    """(criterion, criterion, g): what both together add."""
    knee: float = 0.8
    """Score from which a criterion saturates; 1: never."""
    slope: float = 0.2
    """What counts of a score beyond the knee."""
    top: float = 0.7
    """Where the stretch begins."""
    power: float = 2.0
    """How strong it is; 1: none."""
    missing: Literal["unscored", "drop"] = "unscored"
    """What an unscored criterion does."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        check_names("Rubric", "weights", tuple(self.weights))
        check_output("Rubric", self.output, tuple(self.weights))
        if min(self.weights.values()) < 0 or not sum(self.weights.values()) > 0:
            raise GuerdonError(f"Rubric.weights must be 0 or more and not all 0, got {self.weights}")
        named = {*self.critical, *(name for pair in self.interactions for name in pair[:2])}
        if unknown := sorted(named - set(self.weights)):
            raise GuerdonError(f"Rubric.critical and interactions must name criteria, got {', '.join(unknown)}")
        if not (0 < self.knee <= 1 and 0 <= self.slope <= 1 and 0 <= self.top < 1 and self.power > 0):
            raise GuerdonError(
                "Rubric needs 0 < knee <= 1, 0 <= slope <= 1, 0 <= top < 1 and power > 0, got "
                f"knee={self.knee}, slope={self.slope}, top={self.top}, power={self.power}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The criteria."""
        return tuple(map(column_of, self.weights))

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, ``[traj]``."""
        names = tuple(self.weights)
        score = table(batch, names).clamp(0, 1)
        known = score.isfinite()
        beyond = (score - self.knee).clamp(min=0)
        part = (score - beyond + self.slope * beyond) / (self.knee + self.slope * (1 - self.knee))
        part = torch.where(known, part, 0.0)
        weight = known * score.new_tensor([self.weights[name] for name in names])
        whole = weight.sum(1)
        total = (weight * part).sum(1) / torch.where(whole > 0, whole, 1.0)
        for first, second, gain in self.interactions:
            total = total + gain * part[:, names.index(first)] * part[:, names.index(second)]
        total = total.clamp(0, 1)
        above = ((total - self.top) / (1 - self.top)).clamp(min=0)
        total = torch.where(total > self.top, self.top + (1 - self.top) * above**self.power, total)
        for name in self.critical:
            total = torch.where(score[:, names.index(name)] == 0, 0.0, total)
        lost = ~known.all(1) if self.missing == "unscored" else whole == 0
        return {self.output: torch.where(lost, torch.full_like(total, torch.nan), total)}

"""Two ways to normalise several rewards: add up, then standardise; or standardise each, add up, then whiten.

Idea
    Added up first, the component with the largest spread decides. Standardised first, each has its say by its weight.
    Both are compositions of ``WeightedSum`` and ``Standardize``; these functions give the slots of a recipe:
    ``Recipe(**normalize_then_sum({"style": 0.5}), objective=...)``.
Maths
    sum_then_normalize: ``R = sum_k w_k r_k``; ``A = (R - mean_g R) / (std_g R + eps)``.
    normalize_then_sum: ``z_k = (r_k - mean_g r_k) / (std_g r_k + eps)``; ``Z = sum_k w_k z_k``;
    ``A = (Z - mean_batch Z) / (std_batch Z + eps)``. All standard deviations are Bessel's (n - 1).
Reads
    ``traj.reward/*``.
Deviations
    Equal to TRL's two modes where everything is scored (baseline-grpo). TRL adds up what is there where a component is
    missing; here such a response is unscored, while its other components still count in their own statistics.
"""

from collections.abc import Mapping
from typing import TypedDict

from guerdon.advantages.standardize import Standardize
from guerdon.piece import Transform
from guerdon.shaping.weighted_sum import WeightedSum

EPS = 1e-4
"""TRL's."""


class Slots(TypedDict):
    """The slots of a recipe that a mode fills."""

    shaping: tuple[Transform, ...]
    advantage: tuple[Transform, ...]


def sum_then_normalize(weights: Mapping[str, float] | None = None, eps: float = EPS) -> Slots:
    """Shaping and advantage of the mode that adds up first."""
    return {"shaping": (WeightedSum(dict(weights or {})),), "advantage": (Standardize(eps=eps),)}


def normalize_then_sum(weights: Mapping[str, float] | None = None, eps: float = EPS) -> Slots:
    """Shaping and advantage of the mode that standardises each component first; ``traj.reward`` is for the log."""
    apart, given = "traj.standardized/*", dict(weights or {})
    # Before traj.reward exists, so that a response without one component still counts in the others' statistics.
    each = Standardize(eps=eps, column="traj.reward/*", output=apart)
    total = WeightedSum(given, of=apart, output="traj.standardized_sum")
    whiten = Standardize(center="batch", scale="batch", eps=eps, column="traj.standardized_sum")
    return {"shaping": (each, total, WeightedSum(given)), "advantage": (whiten,)}

"""Importance weights: detached probability ratios, truncated or masked (baseline-rollout-correction, -cispo-sapo).

Idea
    One weight serves three gaps. ``old / behavior``: the engine that sampled is not quite the trainer's policy (truncated
    importance sampling). ``current / old``: the policy has moved since (CISPO, on top of ``Reinforce``). ``current /
    ref``: the data are taken for samples of the reference (A-LoL).
Maths
    ``w = exp(log numerator - log denominator)`` per action, or per trajectory from the sum (``sequence_sum``) or the
    mean (``sequence``) of its log ratios. Outside ``[low, high]`` it is truncated to the bound, or 0.
Reads
    Two of ``action.logprob``, ``action.old_logprob``, ``action.behavior_logprob``, ``action.ref_logprob``;
    ``action.mask`` if present.
Deviations
    ``low`` and ``high`` are bounds on the weight itself. verl's CISPO writes them as distances from 1 (0.2, 0.2 is
    ``low=0.8, high=1.2``), TRL's as the cap alone (``epsilon_high=5`` is ``high=5``), both under one name. A batch
    without ``behavior_logprob`` is refused: there is no silent weight 1.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives import ratio as ratios
from guerdon.objectives.aggregation import of_trained, trained
from guerdon.piece import Weight

LOGPROB = {
    "current": "action.logprob",
    "old": "action.old_logprob",
    "behavior": "action.behavior_logprob",
    "ref": "action.ref_logprob",
}


@dataclass(frozen=True)
class ImportanceWeight(Weight):
    """``w = clip(exp(log numerator - log denominator), low, high)``, without gradient."""

    numerator: Literal["current", "old"] = "old"
    """The policy that is wanted: as it is now, or as it was when the update began."""
    denominator: Literal["old", "behavior", "ref"] = "behavior"
    """The policy that stands in for it: the old one, the one that sampled, or the frozen reference."""
    level: Literal["token", "sequence", "sequence_sum"] = "token"
    """Whose ratio: each action's, or the trajectory's as a geometric mean or as a product."""
    low: float | None = None
    """Smallest weight; None: no limit."""
    high: float | None = 2.0
    """Largest weight (verl 2; TRL 3, and 5 for CISPO); None: no limit."""
    outside: Literal["truncate", "zero"] = "truncate"
    """What a weight beyond a limit becomes: the limit, or 0 (TRL's mask modes, IcePop)."""
    normalize: bool = False
    """Divide by the mean weight (over actions, or over trajectories); keeps an optimiser step in one piece."""
    log_ratio_bounds: ratios.Bounds = (-20.0, 20.0)
    """Log ratios are clamped to these before exp; None leaves an end open."""

    def __post_init__(self) -> None:
        if self.numerator == self.denominator:
            raise GuerdonError(f"ImportanceWeight needs two different policies, got {self.numerator!r} twice")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise GuerdonError(f"ImportanceWeight.low must not exceed high, got {self.low} and {self.high}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The two log-probs."""
        return (LOGPROB[self.numerator], LOGPROB[self.denominator])

    @property
    def clips_ratio(self) -> bool:
        """Whether it is 1 at the policy that the update began with."""
        return (self.numerator, self.denominator) == ("current", "old")

    @property
    def mends_mismatch(self) -> bool:
        """Whether it is 1 where the sampler was the trainer's policy."""
        return (self.numerator, self.denominator) == ("old", "behavior")

    @property
    def unit(self) -> str:
        """What the ratio, or the mean weight, needs whole."""
        return "batch" if self.normalize else ratios.unit(self.level)

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``.

        Raises:
            GuerdonError: if log-probs of the sampling policy are missing or not finite.
        """
        above, below = batch[LOGPROB[self.numerator]].detach(), batch[LOGPROB[self.denominator]]
        if not bool(of_trained(batch, below).isfinite().all()):
            raise GuerdonError(
                f"{LOGPROB[self.denominator]} must be finite on every trained action, got NaN or infinity; "
                "the sampler has to record the log-prob of each token, or drop the weight"
            )
        weight = ratios.ratio(batch, above, below, self.level, self.log_ratio_bounds)
        kept = weight if self.low is None and self.high is None else weight.clamp(self.low, self.high)
        if self.outside == "zero":
            kept = torch.where(kept == weight, weight, torch.zeros_like(weight))
        return kept / self._mean(batch, kept) if self.normalize else kept

    def _mean(self, batch: Batch, weight: Tensor) -> Tensor:
        where = trained(batch)
        index, size = batch.index("action", "traj"), batch.size("traj")
        if self.level == "token":
            mean = weight[where].mean()
        else:
            used = segment.count(index, size, where) > 0
            mean = segment.mean(weight, index, size, where)[used].mean()
        return torch.where(mean > 1e-8, mean, torch.ones_like(mean))

"""Two losses in one batch: one for what the policy sampled, another for what was stored (rlplus, amft).

Idea
    Where demonstrations stand beside samples, each origin has its own loss per action, and maybe a mean of its own.
Maths
    ``l = sampled(row)`` where the column is true, ``stored(row)`` elsewhere. ``MeanByOrigin`` weighs every action
    1 / (number of trained actions of its origin), so that the loss is the sum of two means.
Reads
    ``traj.sampled`` and what the two terms read; ``action.mask`` if present.
Deviations
    None. Either origin may be missing: its mean is then 0.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.objectives.nll import NLL
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.piece import Aggregation, RowLoss, Term


@dataclass(frozen=True)
class ByOrigin(Term):
    """``sampled`` on the actions of sampled trajectories, ``stored`` on the others."""

    sampled: Term = field(default_factory=PPOClip)
    """Loss of sampled actions."""
    stored: Term = field(default_factory=NLL)
    """Loss of stored actions."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The origin, and what the two terms read."""
        return tuple(dict.fromkeys(("traj.sampled", *self.sampled.reads, *self.stored.reads)))

    @property
    def unit(self) -> str:
        """The coarser of the two terms' units."""
        return max((self.sampled.unit, self.stored.unit), key=("action", "traj", "group", "batch").index)

    @property
    def clips_ratio(self) -> bool:
        """Whether the sampled side has a limit that only matters away from the old policy."""
        return bool(getattr(self.sampled, "clips_ratio", False))

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; the metrics of both terms, each over its own rows where it gives one per action.

        Raises:
            GuerdonError: if one of the terms gives no loss per action.
        """
        sampled, values, metrics = batch["action.sampled"], [], {}
        for term, mine in ((self.sampled, sampled), (self.stored, ~sampled)):
            rows = term(batch)
            if rows.level not in ("action", batch.action):
                raise GuerdonError(
                    f"ByOrigin needs terms with one loss per action, got {type(term).__name__} per {rows.level}"
                )
            values.append(rows.values)
            kept = mine[trained(batch)]
            metrics |= {name: v[kept] if len(v) == len(kept) else v for name, v in rows.metrics.items()}
        return RowLoss("action", torch.where(sampled, *values), metrics)


@dataclass(frozen=True)
class MeanByOrigin(Aggregation):
    """``mean over sampled actions + mean over stored actions``."""

    reads = ("traj.sampled",)

    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``; levels above the trajectory are averaged."""
        if level == "group":
            rows = torch.ones(batch.size(level), dtype=torch.bool, device=batch.device)
            return rows.float() / rows.sum().clamp(min=1)
        sampled = batch[f"{level}.sampled"]
        rows = trained(batch) if level in ("action", batch.action) else torch.ones_like(sampled)
        counts = [(rows & side).sum().clamp(min=1) for side in (sampled, ~sampled)]
        return rows.float() / torch.where(sampled, *counts)

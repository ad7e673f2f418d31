"""More weight for prompts of medium difficulty, and for groups whose answers differ (pc_grpo).

Idea
    Prompts that are always or never solved teach little; those solved half the time teach most. And a group that agrees
    on one answer, right or wrong, explores nothing.
Maths
    ``w_g = 4 p (1 - p)``, p the group's mean reward. With ``answers`` also times
    ``(different answers - 1) / (answers - 1)``. 0 where the rewards are all equal.
Reads
    ``traj.reward`` in 0..1 and, with ``answers``, that column. Writes ``group.weight``: use it as
    ``RowWeight("group.weight")``.
Deviations
    Puzzle Curriculum GRPO is known by its abstracts; both formulas are ours. Unscored responses do not count, and a mean
    outside of 0..1 is taken as the nearest end. A single answer differs from none, so its group weighs 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class MediumWeight(Transform):
    """``group.weight = 4 p (1 - p)``, times the share of different answers if asked for."""

    answers: str | None = None
    """Column of what responses answered, such as ``traj.answer``; None: only the difficulty counts."""

    writes = ("group.weight",)
    needs_peers = True

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and the answers."""
        return ("traj.reward", *((self.answers,) if self.answers else ()))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.weight``, ``[group]``."""
        reward, index, size = batch["traj.reward"], batch.index("traj", "group"), batch.size("group")
        scored = reward.isfinite()
        mean = segment.mean(reward, index, size, scored).clamp(0, 1)
        spread = segment.max(reward, index, size, scored) > segment.min(reward, index, size, scored)
        weight = torch.where(spread, 4 * mean * (1 - mean), torch.zeros_like(mean))
        if self.answers is not None:
            weight = weight * self._dispersion(batch, scored).to(weight)
        return {"group.weight": weight}

    def _dispersion(self, batch: Batch, scored: torch.Tensor) -> torch.Tensor:
        """(different answers - 1) / (answers - 1) per group, 0 for fewer than two."""
        assert self.answers is not None
        values, found = batch[f"traj.{split_name(self.answers)[1]}"], [[] for _ in range(batch.size("group"))]
        values = values.tolist() if isinstance(values, torch.Tensor) else values
        rows = zip(values, batch.index("traj", "group").tolist(), scored.tolist(), strict=True)
        for value, group, counts in rows:
            if counts:
                found[group].append(value)
        return torch.tensor([(len(set(each)) - 1) / max(len(each) - 1, 1) if each else 0.0 for each in found])

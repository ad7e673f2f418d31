"""Weighted sum of reward components.

Idea
    The plainest combination: ``R_i = sum_k w_k r_ik``.
Reads
    ``traj.reward/<name>`` for every component.
Deviations
    A trajectory with any unscored component (weight other than 0) is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class WeightedSum(Transform):
    """``R_i = sum_k w_k r_ik`` over the named reward components."""

    weights: dict[str, float] = field(default_factory=dict)
    """Component -> weight; a component not named here weighs 1. 0 leaves it in the log only."""

    reads = ("traj.reward/*",)
    writes = ("traj.reward",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward``, ``[traj]``.

        Raises:
            GuerdonError: if a weight names a component that the batch lacks.
        """
        names = [name.partition("/")[2] for name in batch.names("traj", "reward/")]
        unknown = sorted(set(self.weights) - set(names))
        if unknown or not names:
            raise GuerdonError(
                f"WeightedSum.weights must name reward components of the batch ({', '.join(names) or 'none'}), "
                f"got {', '.join(unknown) or 'none'}"
            )
        used = [(self.weights.get(name, 1.0), batch[f"traj.reward/{name}"]) for name in names]
        used = [(weight, reward) for weight, reward in used if weight != 0] or [(0.0, used[0][1])]
        total = used[0][0] * used[0][1]
        for weight, reward in used[1:]:
            total = total + weight * reward
        return {"traj.reward": total}

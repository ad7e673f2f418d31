"""Whether a learned reward ranks demonstrations above responses: the area under its ROC curve, prompt by prompt.

Maths
    Share of pairs (demonstration, response to the same prompt) in which the demonstration has the higher reward; equal
    rewards count one half.
Reads
    ``traj.demo_reward`` and a reward column.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from guerdon.batch import Batch
from guerdon.piece import Metric


@dataclass(frozen=True)
class DemoAUC(Metric):
    """Logs ``demo_auc``."""

    reward: str = "traj.reward"
    """Reward of a response."""

    @property
    def reads(self) -> tuple[str, ...]:
        """Both rewards."""
        return (self.reward, "traj.demo_reward")

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """The area; nothing without a scored response."""
        gap = batch["traj.demo_reward"] - batch[self.reward]
        gap = gap[gap.isfinite()]
        return {"demo_auc": float(((gap > 0).float() + 0.5 * (gap == 0).float()).mean())} if len(gap) else {}

"""How long a step's sampling takes where all responses are decoded side by side (t_ppo).

Maths
    ``decode_steps = max_i (tokens of response i sampled in this step)``: one forward pass per token of the longest.
Reads
    ``token.fresh``, ``traj.finished``, ``traj.reward``.
Deviations
    A simulated clock: an idle slot costs nothing but the wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from guerdon import segment
from guerdon.batch import Batch
from guerdon.piece import Metric


@dataclass(frozen=True)
class DecodeTime(Metric):
    """Logs ``decode_steps``, and the number and the mean reward of the responses that are finished."""

    reads = ("token.fresh", "traj.finished", "traj.reward")

    def __call__(self, batch: Batch) -> Mapping[str, float]:
        """``decode_steps``, ``finished`` and, where one is finished and scored, ``finished_reward``."""
        fresh = batch.up(batch["token.fresh"], segment.count_true, "token", "traj")
        reward = batch["traj.reward"][batch["traj.finished"]]
        reward = reward[reward.isfinite()]
        numbers = {"decode_steps": float(fresh.max()) if len(fresh) else 0.0, "finished": float(len(reward))}
        return numbers | ({"finished_reward": float(reward.mean())} if len(reward) else {})

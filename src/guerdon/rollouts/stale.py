"""Samples that another policy drew, by mistake: a test of how a method takes importance ratios that explode.

Idea
    In asynchronous training some samples carry log-probs of a policy that is long gone. Here a known share does.
Maths
    With probability ``share`` a trajectory's ``behavior_logprob`` is moved by ``+gap`` or ``-gap`` on every token.
Reads
    ``behavior_logprob`` of another rollout; use ``update.recompute_old=False``, so that it is the old policy's.
Deviations
    None.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import call_with_state
from guerdon.piece import Pick, Rollout
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree


@dataclass(frozen=True)
class Stale(Rollout):
    """Another rollout, a share of whose trajectories has wrong ``behavior_logprob``."""

    rollout: Rollout = field(default_factory=SampleTree)
    """What samples."""
    share: float = 0.01
    """Probability that a trajectory is stale."""
    gap: float = 20.0
    """How far its log-probs are off, in nats per action, either way."""

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise GuerdonError(f"Stale.share must lie in 0..1, got {self.share}")

    @property
    def writes(self) -> tuple[str, ...]:
        """The columns of the other rollout."""
        return self.rollout.writes

    def init_state(self) -> nn.Module | None:
        """The other rollout's state."""
        return self.rollout.init_state()

    def __call__(self, task: Any, policy: Any, pick: Pick, stream: Stream, state: Any = None) -> Batch:
        """One batch."""
        batch = call_with_state(self.rollout, task, policy, pick, stream, state=state)
        generator = stream.child("stale").generator()
        stale, up = (torch.rand(batch.size("traj"), generator=generator) < p for p in (self.share, 0.5))
        moved = torch.where(stale, torch.where(up, self.gap, -self.gap), 0.0)
        logprob = batch["action.behavior_logprob"]
        return batch.with_columns({"action.behavior_logprob": logprob + batch.down(moved, "traj", "action")})

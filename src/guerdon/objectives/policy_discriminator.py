"""Adversarial imitation whose discriminator is the policy itself (ASAF, reward_spec_thesis).

Idea
    The best discriminator between expert and generator is a ratio of their densities, so a policy can be written into it;
    once it is trained it is the imitator, and no reinforcement learning follows.
Maths
    ``u = log pi - log pi_G``, summed over a trajectory or per action, pi_G the policy that generated;
    ``D = pi / (pi + pi_G) = sigmoid(u)``; loss ``-log D`` on the expert's rows, ``-log(1 - D)`` on the generated ones.
    Least at pi = pi_E. ``MeanByOrigin`` makes the two means.
Reads
    ``action.logprob``, ``action.old_logprob`` (pi_G), ``traj.sampled``; ``action.mask`` if present.
Deviations
    Recalled. pi_G is the policy at the beginning of the update, so a round is a training step with several epochs.
    Whole trajectories (each weighs as many actions as it has) or single actions; no windows between.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from guerdon import segment
from guerdon.batch import Batch
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class PolicyDiscriminator(Term):
    """``-log sigmoid(u)`` for the expert's rows, ``-log sigmoid(-u)`` for generated ones."""

    whole: bool = False
    """Whether u is summed over a trajectory; its loss then stands on each of its actions. Else u is per action."""

    reads = ("action.logprob", "action.old_logprob", "traj.sampled")

    @property
    def unit(self) -> str:
        """What must stay together."""
        return "traj" if self.whole else "action"

    @property
    def repeats_response(self) -> bool:
        """Whether the loss of a trajectory is on all of its actions."""
        return self.whole

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``."""
        score = torch.where(trained(batch), batch["action.logprob"] - batch["action.old_logprob"], 0.0)
        if self.whole:
            score = batch.down(batch.up(score, segment.sum, "action", "traj"), "traj", "action")
        generated = batch["action.sampled"]
        losses = F.softplus(torch.where(generated, score, -score))
        right = torch.where(generated, score < 0, score > 0).to(losses.dtype)
        return RowLoss("action", losses, {"discriminator_accuracy": right})

"""Probability ratios between two policies on the same actions, at the level of an action or of a whole trajectory.

Maths
    ``d_t = log pi(a_t) - log pi_old(a_t)``; token ``exp d_t``; sequence (GSPO) ``s = exp(mean_t d_t)``; sequence_sum
    (RLOO: the response is one action) ``exp(sum_t d_t)``; sequence_token (verl's GSPO) has the value of ``s`` and the
    gradient of ``s log pi(a_t)``, so that an advantage may differ from token to token.
Deviations
    Every level gives one ratio per action; a trajectory's ratio is repeated on its actions. Summed with the weights
    ``1/(B T_i)`` that is TRL's loss of one term per trajectory.
"""

from typing import Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.objectives.aggregation import trained

Level = Literal["token", "sequence", "sequence_sum", "sequence_token"]
Bounds = tuple[float | None, float | None]


def bounded(values: Tensor, bounds: Bounds) -> Tensor:
    """Clamp, so that exp cannot overflow; an open end is None. No gradient flows outside the bounds."""
    low, high = bounds
    return values if low is None and high is None else values.clamp(low, high)


def log_ratio(batch: Batch, logprob: Tensor, old_logprob: Tensor, level: Level, bounds: Bounds) -> Tensor:
    """Bounded log ratio ``[action]`` at a level; rows that ``action.mask`` excludes take no part in a trajectory's."""
    difference = logprob - old_logprob
    if level == "token":
        return bounded(difference, bounds)
    reduction = segment.sum if level == "sequence_sum" else segment.mean
    where = trained(batch) if "action.mask" in batch else None
    whole = batch.down(batch.up(difference, reduction, "action", "traj", where=where), "traj", "action")
    if level == "sequence_token":
        whole = whole.detach() + logprob - logprob.detach()
    return bounded(whole, bounds)


def ratio(batch: Batch, logprob: Tensor, old_logprob: Tensor, level: Level, bounds: Bounds) -> Tensor:
    """``exp`` of ``log_ratio``, ``[action]``."""
    return torch.exp(log_ratio(batch, logprob, old_logprob, level, bounds))


def unit(level: Level) -> str:
    """What a ratio of this level needs whole in a micro-batch."""
    return "action" if level == "token" else "traj"

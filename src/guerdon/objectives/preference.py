"""Pairwise preference losses (baseline-dpo): a better and a worse response to the same prompt.

Idea
    The policy's log-ratio to a reference is an implicit reward; fit it to the labels as one would a reward model.
Maths
    u_i = sum_t (log pi_t - log ref_t) over the trained actions (or their mean);  delta = u_chosen - u_rejected;
    l = link(delta), one row per group. DPO is the logistic link, IPO the squared one, TRL's hinge the third.
Reads
    ``action.logprob``, the reference column, ``traj.rank`` (0: chosen, 1: rejected, negative: pair not judged).
    ``action.mask`` if present.
Deviations
    None (Rafailov et al. 2023, eq. 7). A pair with a negative rank has loss 0.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.objectives.links import Link, LogisticLink
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class PairwisePreference(Term):
    """``link(u_chosen - u_rejected)`` per group, u the response's summed log-ratio to the reference."""

    link: Link = field(default_factory=LogisticLink)
    """Margin -> loss."""
    reference: str | None = "action.ref_logprob"
    """Column of reference log-probs; None: log-probs themselves are compared (CPO, SimPO)."""
    per_token: bool = False
    """Whether u is the mean over a response's actions instead of the sum."""

    unit = "group"

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs and ranks."""
        return ("action.logprob", *((self.reference,) if self.reference else ()), "traj.rank")

    def __call__(self, batch: Batch, state: Any = None) -> RowLoss:
        """One row per group.

        Raises:
            GuerdonError: if a group is not one chosen and one rejected trajectory.
        """
        chosen, rejected = pair_rows(batch)
        logprob = batch["action.logprob"]
        ratio = logprob if self.reference is None else logprob - batch[self.reference]
        score = batch.up(ratio, segment.mean if self.per_token else segment.sum, "action", "traj", where=trained(batch))
        judged = batch["traj.rank"][chosen] >= 0
        delta = torch.where(judged, score[chosen] - score[rejected], 0.0)
        losses = torch.where(judged, self.link(delta), 0.0)
        metrics = {
            "accuracy": (delta > 0).to(delta.dtype)[judged],
            "margin": delta.detach()[judged],
            "chosen_score": score.detach()[chosen][judged],
            "rejected_score": score.detach()[rejected][judged],
        }
        return RowLoss("group", losses, metrics)


def pair_rows(batch: Batch) -> tuple[Tensor, Tensor]:
    """The rows of the chosen and of the rejected trajectory of every group, each ``[group]``.

    In a group that is not judged (negative ranks) they are its two trajectories as they stand.

    Raises:
        GuerdonError: naming the first group that is not such a pair.
    """
    rank, group, groups = batch["traj.rank"], batch.index("traj", "group"), batch.size("group")
    place = segment.position(group, groups)
    # An unjudged pair has ranks -1, -1: its places stand in for the ranks.
    order = torch.where(rank < 0, place, rank)
    fits = (segment.count(group, groups) == 2) & (segment.sum(order, group, groups) == 1)
    fits &= segment.sum((rank < 0).long(), group, groups) % 2 == 0
    if not bool(fits.all()):
        bad = int((~fits).nonzero()[0])
        raise GuerdonError(
            "PairwisePreference needs groups of one trajectory with traj.rank 0 and one with 1, "
            f"got group {bad} with ranks {rank[group == bad].tolist()}; use rollout Pairs or rank two samples"
        )
    rows = torch.arange(len(rank), device=rank.device)
    pairs = torch.empty((groups, 2), dtype=torch.int64, device=rank.device)
    pairs[group, order] = rows
    return pairs[:, 0], pairs[:, 1]

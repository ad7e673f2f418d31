"""Failures earn by how near they came to the batch's own successes (SRPO).

Idea
    Where a task succeeds at least once, that success shows what progress looks like: no progress model is trained.
Maths
    Per task, successes earn 1. Their embeddings, standardised per dimension (population std, 0 -> 1), are clustered by
    DBSCAN; centers are the clusters' means, or the mean of all where there is no cluster. A failure at distance d of the
    nearest center earns ``cap sigmoid(slope (0.5 - n))`` with ``n = (d - min d) / (max d - min d)`` over the task's
    failures, 0.5 where they are all as far. Without a success, failures earn 0.
Reads
    ``embedding``, ``[traj, d]``; ``correct``; ``task`` where given.
Deviations
    As the released code has it; the paper's text has z-scored distances. An embedding that is all 0 is an invalid
    trajectory and earns 0. The nearest failure earns the same however far it is; eps is about standardised dimensions,
    so with many of them nearly all is noise and the one mean is used. Unscored stays unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

SPREAD = 1e-6
"""Range of distances below which all failures count as equally far."""


@dataclass(frozen=True)
class SuccessProgress(Transform):
    """1 for successes, ``cap sigmoid(slope (0.5 - n))`` for failures at relative distance n of the successes."""

    cap: float = 0.6
    """What a failure earns at most."""
    slope: float = 10.0
    """How steeply it falls with the distance."""
    eps: float = 0.5
    """DBSCAN's radius, in standard deviations."""
    min_samples: int = 2
    """Successes inside the radius, the own one included, that make a core of a cluster."""
    correct: str = "traj.reward/correct"
    """The outcome: a success above 0.5."""
    embedding: str = "traj.embedding"
    """What a trajectory looks like, ``[traj, d]``."""
    task: str | None = None
    """Column with the number of the task that a trajectory belongs to; None: each group is a task of its own."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        if not (0 < self.cap < 1 and self.slope > 0 and self.eps > 0 and self.min_samples >= 1):
            raise GuerdonError(
                "SuccessProgress needs 0 < cap < 1, slope > 0, eps > 0 and min_samples >= 1, got "
                f"cap={self.cap}, slope={self.slope}, eps={self.eps}, min_samples={self.min_samples}"
            )
        split_name(self.output)

    @property
    def reads(self) -> tuple[str, ...]:
        """Outcome, embedding and task."""
        return (self.correct, self.embedding, *([] if self.task is None else [self.task]))

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, ``[traj]``."""
        outcome, points = batch[self.correct], batch[self.embedding].double()
        task = batch.index("traj", "group") if self.task is None else batch[f"traj.{split_name(self.task)[1]}"]
        valid = outcome.isfinite() & (points != 0).any(1)
        success = valid & (outcome > 0.5)
        reward = success.double()
        for number in task.unique().tolist():
            good, bad = success & (task == number), valid & ~success & (task == number)
            if bool(good.any()) and bool(bad.any()):
                apart = torch.cdist(points[bad], centers(points[good], self.eps, self.min_samples)).amin(1)
                spread = apart.amax() - apart.amin()
                near = (apart - apart.amin()) / spread if spread >= SPREAD else torch.full_like(apart, 0.5)
                reward[bad] = self.cap * torch.sigmoid(self.slope * (0.5 - near))
        return {self.output: reward.to(outcome.dtype).masked_fill(~outcome.isfinite(), torch.nan)}


def centers(points: Tensor, eps: float, min_samples: int) -> Tensor:
    """Mean of each cluster of standardised points ``[n, d]``, ``[clusters, d]``; the mean of all without a cluster."""
    std = points.std(0, correction=0)
    cluster = dbscan((points - points.mean(0)) / torch.where(std > 0, std, 1.0), eps, min_samples)
    found = [points[cluster == number].mean(0) for number in range(int(cluster.max()) + 1)]
    return torch.stack(found or [points.mean(0)])


def dbscan(points: Tensor, eps: float, min_samples: int) -> Tensor:
    """Cluster of each point ``[n, d]``, ``[n]``; -1 is noise.

    Points with ``min_samples`` within ``eps`` (themselves included) are cores; cores within ``eps`` share a cluster, and
    other points within ``eps`` of a core join the first cluster that reaches them.
    """
    near = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist") <= eps
    core = near.sum(1) >= min_samples
    cluster, number = torch.full((len(points),), -1), 0
    for start in core.nonzero()[:, 0].tolist():
        if cluster[start] >= 0:
            continue
        front = torch.zeros_like(core)
        front[start] = True
        while bool(front.any()):
            cluster[front] = number
            front = near[front & core].any(0) & (cluster < 0)
        number += 1
    return cluster

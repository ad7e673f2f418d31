"""How per-action losses become one scalar (baseline-loss-agg): the largest source of silent differences.

Maths
    N actions, B trajectories, T_i actions in trajectory i; weights ``w_it`` with ``loss = sum w_it l_it``.
    TokenMean 1/N; SeqMeanTokenSum 1/B; SeqMeanTokenMean 1/(B T_i); SumOverLength 1/L or 1/(B L).
Reads
    ``action.mask`` if present: rows where it is false are neither trained nor counted.
Deviations
    None. verl and TRL differ in how they count empty trajectories and in Dr. GRPO's 1/B; both are fields.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Aggregation


def trained(batch: Batch) -> Tensor:
    """Boolean ``[action]``: ``action.mask``, or every row where there is no such column."""
    if "action.mask" in batch:
        return batch["action.mask"]
    return torch.ones(batch.size("action"), dtype=torch.bool, device=batch.device)


def trained_counts(batch: Batch, level: str) -> Tensor:
    """How many trained actions each row of a level has, ``[level]``, int64."""
    if "action.mask" in batch:
        return batch.up(batch["action.mask"], segment.count_true, "action", level)
    return batch.count("action", level)


def of_trained(batch: Batch, values: Tensor) -> Tensor:
    """The trained rows of ``[action]``, for metrics."""
    return values[batch["action.mask"]] if "action.mask" in batch else values


def _mean_of_rows(batch: Batch, level: str) -> Tensor:
    rows = batch.size(level)
    return torch.full((rows,), 1.0 / max(rows, 1), device=batch.device)


def _trajectories(batch: Batch, count_empty: bool) -> int:
    return batch.size("traj") if count_empty else int((trained_counts(batch, "traj") > 0).sum())


def _is_action(batch: Batch, level: str) -> bool:
    return level in ("action", batch.action)


@dataclass(frozen=True)
class TokenMean(Aggregation):
    """``sum l / N``: every action weighs the same (verl ``token-mean``, TRL ``dapo``/``bnpo`` over the whole step)."""

    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``; coarser levels are averaged."""
        if not _is_action(batch, level):
            return _mean_of_rows(batch, level)
        mask = trained(batch)
        return mask.float() / mask.sum().clamp(min=1)


@dataclass(frozen=True)
class SeqMeanTokenSum(Aggregation):
    """``(1/B) sum_i sum_t l``: the policy gradient of a response taken as one action (verl ``seq-mean-token-sum``)."""

    count_empty: bool = False
    """Whether trajectories without a trained action count in B (TRL does, verl does not)."""

    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``; coarser levels are averaged."""
        if not _is_action(batch, level):
            return _mean_of_rows(batch, level)
        return trained(batch).float() / max(_trajectories(batch, self.count_empty), 1)


@dataclass(frozen=True)
class SeqMeanTokenMean(Aggregation):
    """``(1/B) sum_i (1/T_i) sum_t l``: every response weighs the same (original GRPO, GSPO; TRL ``grpo``)."""

    count_empty: bool = False
    """Whether trajectories without a trained action count in B (TRL does, verl does not)."""

    averages_response = True

    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``; coarser levels are averaged."""
        if not _is_action(batch, level):
            return _mean_of_rows(batch, level)
        weight = 1.0 / trained_counts(batch, "traj").clamp(min=1) / max(_trajectories(batch, self.count_empty), 1)
        return trained(batch) * batch.down(weight, "traj", "action")


@dataclass(frozen=True)
class SumOverLength(Aggregation):
    """``(1/L) sum l`` (verl ``seq-mean-token-sum-norm``) or ``1/(B L)`` (TRL ``dr_grpo``) with a constant L."""

    length: int
    """L: the generation budget, never the longest response of the batch."""
    per_trajectory: bool = True
    """Whether to divide by B as well, as TRL does and verl does not (a factor B in the learning rate)."""

    def __post_init__(self) -> None:
        if self.length < 1:
            raise GuerdonError(f"SumOverLength.length must be at least 1, got {self.length}; use the generation budget")

    def __call__(self, batch: Batch, level: str) -> Tensor:
        """Weights ``[level]``; coarser levels are averaged."""
        if not _is_action(batch, level):
            return _mean_of_rows(batch, level)
        trajectories = max(batch.size("traj"), 1) if self.per_trajectory else 1
        return trained(batch).float() / (self.length * trajectories)

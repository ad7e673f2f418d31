"""Credit by Shapley or Owen values: what each part of a response adds to its score, averaged over orders (SCAR).

Idea
    A score of the whole response, asked about the response with parts left out, says how much each part is worth; the
    shares add up to the score, so the best policy stays the best.
Maths
    ``SV_i = sum_S |S|! (n - |S| - 1)! / n! (v(S + i) - v(S))``. Owen: only orders in which every block stays together,
    ``sum_Q |Q|! (m - |Q| - 1)! / m! sum_T |T|! (|b| - |T| - 1)! / |b|! (v(Q + T + i) - v(Q + T))``.
    ``r_t = alpha SV(part that ends at t) + (1 - alpha) 1[t = T] R``.
Reads
    ``traj.partial_scores`` ``[traj, 2^n]``: v of every set of parts, bit i of its number being part i; ``traj.reward``.
Deviations
    v(nothing) is subtracted: the shares add up to v(all) - v(nothing). Parts that a trajectory does not have should
    change no score. The KL penalty is the objective's. A score that means nothing for partial responses makes the
    shares mean nothing. Unscored stays unscored.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

MOST = 12
"""Parts up to which all sets are listed."""
Blocks = tuple[tuple[int, ...], ...]


@cache
def coalition_weights(blocks: Blocks) -> Tensor:
    """The matrix that makes Owen values of v, ``[n, 2^n]`` float64; blocks of one part each make Shapley values."""
    players = sum(map(len, blocks))
    if sorted(part for block in blocks for part in block) != list(range(players)) or players > MOST:
        raise GuerdonError(
            f"exact credit needs blocks of the parts 0 to n - 1, n at most {MOST}, each in one block, got {blocks}; "
            "draw orders by sampled_shapley for more"
        )
    table = torch.zeros((players, 2**players), dtype=torch.float64)
    for block in blocks:
        others = [sum(1 << part for part in each) for each in blocks if each is not block]
        for part in block:
            mates = [1 << each for each in block if each != part]
            for outside, weight in _subsets(others):
                for inside, share in _subsets(mates):
                    table[part, outside + inside + (1 << part)] += weight * share
                    table[part, outside + inside] -= weight * share
    return table


def _subsets(masks: Sequence[int]) -> list[tuple[int, float]]:
    """Every subset as a mask, with the probability that a random order has just these before one more."""
    count = len(masks)
    return [
        (sum(chosen), 1 / ((count + 1) * math.comb(count, size)))
        for size in range(count + 1)
        for chosen in combinations(masks, size)
    ]


def shapley_values(scores: Tensor) -> Tensor:
    """Shares of the parts, ``[..., 2^n]`` -> ``[..., n]`` float64."""
    return owen_values(scores, tuple((part,) for part in range(scores.shape[-1].bit_length() - 1)))


def owen_values(scores: Tensor, blocks: Blocks) -> Tensor:
    """Shares where the parts of a block stay together, ``[..., 2^n]`` -> ``[..., n]`` float64."""
    weights = coalition_weights(blocks).to(scores.device)
    if weights.shape[1] != scores.shape[-1]:
        raise GuerdonError(f"credit needs a score for every set of {len(weights)} parts, got {scores.shape[-1]}")
    return scores.double() @ weights.T


def sampled_shapley(value: Callable[[Tensor], float], parts: int, orders: int, generator: torch.Generator) -> Tensor:
    """Unbiased estimate from random orders, ``orders * parts + 1`` calls of ``value(kept [parts] bool)``, ``[parts]``."""
    total = torch.zeros(parts, dtype=torch.float64)
    nothing = value(torch.zeros(parts, dtype=torch.bool))
    for _ in range(orders):
        kept, before = torch.zeros(parts, dtype=torch.bool), nothing
        for part in torch.randperm(parts, generator=generator).tolist():
            kept[part] = True
            after = value(kept.clone())
            total[part] += after - before
            before = after
    return total / max(orders, 1)


@dataclass(frozen=True)
class Shapley(Transform):
    """``r_t = alpha SV(part that ends at t) + (1 - alpha) 1[t = T] R``."""

    alpha: float = 0.8
    """Share of the reward that goes to the parts; the rest stays on the last action."""
    blocks: Blocks = ()
    """Parts that stay together (Owen values); none: Shapley values."""
    part: str | None = None
    """Column of actions with the number of each one's part; None: each action is a part, by its position."""
    scores: str = "traj.partial_scores"
    """v: the scores of all sets of parts."""

    writes = ("action.reward",)

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise GuerdonError(f"Shapley.alpha must lie in [0, 1], got {self.alpha}")
        if split_name(self.scores)[0] != "traj":
            raise GuerdonError(f"Shapley.scores must be a column of trajectories, got {self.scores}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Scores, reward and, if asked for, the parts."""
        return (self.scores, "traj.reward", *((self.part,) if self.part else ()))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.reward``.

        Raises:
            GuerdonError: if there are fewer parts scored than a trajectory has.
        """
        index, size = batch.index("action", "traj"), batch.size("traj")
        reward, scores = batch["traj.reward"], batch[self.scores]
        shares = (owen_values(scores, self.blocks) if self.blocks else shapley_values(scores)).to(reward.dtype)
        part = batch[self.part].long() if self.part else segment.position(index, size)
        if len(part) and int(part.max()) >= shares.shape[1]:
            raise GuerdonError(
                f"Shapley needs a score for every set of parts, got {shares.shape[1]} parts and an action in part "
                f"{int(part.max())}"
            )
        is_last = segment.shift(torch.ones_like(index), index, size, fill=0) == 0
        ends = is_last | (segment.shift(part, index, size, fill=-1) != part)
        share = torch.where(ends, self.alpha * shares[index, part], 0.0)
        rest = torch.where(is_last, (1 - self.alpha) * reward[index], 0.0)
        return {"action.reward": torch.where(reward.isfinite()[index], share + rest, torch.nan)}

"""Group statistics: the one operation behind the critic-free advantages (baseline-grpo, -drgrpo, -rloo).

Idea
    Compare a row with the rows it was sampled next to. Centre on a mean, divide by a standard deviation, and say
    for each of the two which rows they are taken over.
Maths
    ``A_i = (x_i - center_i) / (std_i + eps)`` with ``std = sqrt(max(var, var_floor))``. GRPO: group mean and group std.
    Dr. GRPO: group mean, no std. RLOO: mean of the *other* rows, which is n/(n-1) times Dr. GRPO. Lite PPO: group
    mean, std of all raw rewards of the batch. A length-weighted mean counts every row once per action.
Reads
    ``column`` (default ``traj.reward``); ``traj.reward`` tells which rows are unscored; ``action.mask`` if present and
    actions are what counts.
Deviations
    A pool of equal values gives exactly 0, whatever eps is. A group of one is a choice (``singleton``): verl's GRPO
    keeps the raw reward, TRL gives 0, and verl's two RLOO versions disagree. verl uses eps 1e-6 and, in its vectorised
    version, ``var_floor`` 1e-6; TRL uses eps 1e-4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.axes import ACTION, is_extensive, split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained, trained_counts
from guerdon.piece import Transform


@dataclass(frozen=True)
class Pool:
    """What statistics are taken over, and the pool that each row of the column belongs to."""

    values: Tensor
    """``[member]``: the rows, and behind them the phantoms."""
    counted: Tensor
    """``[member]`` boolean: which members exist for the statistics."""
    index: Tensor
    """``[member]``: pool of each member."""
    of_row: Tensor
    """``[row]``: pool of each row."""
    row_counts: Tensor
    """``[row]`` boolean: which rows exist for the statistics."""
    size: int
    """Number of pools."""
    times: Tensor | None = None
    """``[member]``: how often each member counts; None: once."""

    def merged(self) -> "Pool":
        """The same members in one pool."""
        zero = torch.zeros_like
        return replace(self, index=zero(self.index), of_row=zero(self.of_row), size=1)

    @cached_property
    def _anchor(self) -> Tensor:
        # What is averaged are differences from a member, so that equal values give exactly 0.
        return segment.max(self.values.detach(), self.index, self.size, self.counted).nan_to_num(0.0, 0.0, 0.0)

    @cached_property
    def _shifted(self) -> Tensor:
        return torch.where(self.counted, self.values - segment.spread(self._anchor, self.index), 0.0)

    @cached_property
    def _number(self) -> Tensor:
        if self.times is None:
            return segment.count(self.index, self.size, self.counted)
        return segment.sum(self.times, self.index, self.size, self.counted)

    def _weighted(self, values: Tensor) -> Tensor:
        return values if self.times is None else values * self.times

    @cached_property
    def _total(self) -> Tensor:
        return segment.sum(self._weighted(self._shifted), self.index, self.size)

    @cached_property
    def _mean(self) -> Tensor:
        return self._total / self._number.clamp(min=1)

    @property
    def mean(self) -> Tensor:
        """Mean of each pool, ``[pool]``; 0 where nothing counts."""
        return self._anchor + self._mean

    def mean_removed(self, values: Tensor) -> Tensor:
        """``values`` minus their pool's mean, ``[row]``."""
        return values - segment.spread(self._anchor, self.of_row) - segment.spread(self._mean, self.of_row)

    def others_mean_removed(self, values: Tensor) -> Tensor:
        """``values`` minus the mean of the pool's other members, ``[row]``; rows come first among the members."""
        rows = len(values)
        others = segment.spread(self._number, self.of_row) - self.counted[:rows].long()
        total = segment.spread(self._total, self.of_row) - self._shifted[:rows]
        mean = torch.where(others > 0, total / others.clamp(min=1), 0.0)
        return values - segment.spread(self._anchor, self.of_row) - mean

    def var(self, ddof: int) -> Tensor:
        """Variance of each pool; 0 where too few members count."""
        centered = self._shifted - segment.spread(self._mean, self.index)
        square = torch.where(self.counted, self._weighted(centered * centered), 0.0)
        over = self._number - ddof
        return torch.where(over > 0, segment.sum(square, self.index, self.size) / over.clamp(min=1), 0.0)

    def others(self) -> Tensor:
        """How many other rows count in the pool of each row, ``[row]``."""
        number = segment.count(self.of_row, self.size, self.row_counts)
        return segment.spread(number, self.of_row) - self.row_counts.long()


@dataclass(frozen=True)
class Standardize(Transform):
    """``A_i = (x_i - center_i) / (std_i + eps)`` over the scored rows of a group or of the batch."""

    center: Literal["group", "batch", "leave_one_out", "none"] = "group"
    """What to subtract: the mean of the group, of the batch, of the group's other rows, or nothing."""
    scale: Literal["group", "batch", "none"] = "group"
    """Whose standard deviation to divide by; that of the raw values, also where another mean is subtracted."""
    eps: float = 1e-6
    """Added to the standard deviation."""
    ddof: int = 1
    """1: sample standard deviation (n - 1). 0: population (n)."""
    var_floor: float = 0.0
    """Smallest variance, applied before the root."""
    singleton: Literal["zero", "raw"] = "zero"
    """Result where only one row counts: 0, or the value itself."""
    weigh_by: Literal["row", "action"] = "row"
    """Whether a row counts once in the statistics or once per trained action below it."""
    phantoms: tuple[float, ...] = ()
    """Values added to every group's statistics as if they had been observed, such as the best possible reward."""
    among: str | None = None
    """Boolean column of the rows that count in the statistics; the others are still compared with them."""
    by: str = "group"
    """What makes a group: the level ``group``, or a column whose equal values belong together."""
    column: str = "traj.reward"
    """What to standardise; ``LEVEL.NAME/*`` does every component apart."""
    output: str = "traj.advantage"
    """Where to write it; ends with ``/*`` if ``column`` does."""

    def __post_init__(self) -> None:
        if self.eps < 0 or self.var_floor < 0 or self.ddof not in (0, 1):
            raise GuerdonError(
                "Standardize needs eps >= 0, var_floor >= 0 and ddof 0 or 1, "
                f"got eps={self.eps}, var_floor={self.var_floor}, ddof={self.ddof}"
            )
        if self.weigh_by == "action" and (self.phantoms or self.center == "leave_one_out"):
            raise GuerdonError(
                "Standardize.weigh_by must be 'row' where there are phantoms (they have no length) or where "
                f"center is leave_one_out, got 'action' with phantoms={self.phantoms}, center={self.center!r}"
            )
        if self.column.endswith("/*") != self.output.endswith("/*"):
            raise GuerdonError(
                f"Standardize.column and .output must both end with /* or neither, got {self.column} and {self.output}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The column, and the columns that choose and group its rows."""
        return (self.column, *([self.among] if self.among else []), *([] if self.by == "group" else [self.by]))

    @property
    def writes(self) -> tuple[str, ...]:
        """The output column."""
        return (self.output,)

    @property
    def invariant(self) -> frozenset[str]:
        """Up to eps and var_floor; phantoms and raw singletons break every invariance."""
        if self.phantoms or self.singleton == "raw":
            return frozenset()
        by_group = self.by == "group"
        inside = self.center in ("group", "leave_one_out")
        kept = set()
        if self.center != "none":
            kept.add("shift")
        if inside and by_group and self.scale != "batch":
            kept.add("group_shift")
        if self.scale != "none" and self.eps <= 1e-3 and self.var_floor <= 1e-6:
            kept.add("scale")
            if self.scale == "group" and by_group and self.center != "batch":
                kept.add("group_scale")
        return frozenset(kept)

    @property
    def acts_as(self) -> str:
        """Centring alone is a shift."""
        if self.scale != "none" or self.phantoms or self.singleton == "raw" or self.among:
            return ""
        if self.center == "batch":
            return "shift"
        return "group_shift" if self.center == "group" and self.by == "group" else ""

    @property
    def needs_peers(self) -> bool:
        """Whether a group of one gives nothing but 0."""
        alone = self.center in ("group", "leave_one_out") or (self.center == "none" and self.scale == "group")
        return alone and self.by == "group" and self.singleton == "zero" and not self.among

    @property
    def needs_prompts(self) -> bool:
        """Whether one prompt alone gives nothing but 0."""
        return split_name(self.column)[0] == "group" and "batch" in (self.center, self.scale)

    @property
    def for_equal_groups(self) -> bool:
        """Phantoms are what groups of equal rewards are compared with."""
        return bool(self.phantoms) and self.center == "group"

    def bound(self, size: int) -> float | None:
        """Largest possible size of the result in a group of ``size``; None where there is no such bound."""
        plain = self.center == self.scale == self.by == "group" and self.weigh_by == "row"
        if not plain or self.phantoms or self.among or self.singleton == "raw":
            return None
        # One row against the others, which are equal.
        return (size - 1) / size**0.5 if self.ddof else (size - 1) ** 0.5

    def remark(self, batch: Batch) -> str:
        """Whether a phantom that should be the best of all is not."""
        if not self.phantoms or self.column.endswith("/*"):
            return ""
        values = batch[self.column]
        seen = values[values.isfinite()]
        if not len(seen) or float(seen.max()) <= max(self.phantoms):
            return ""
        return (
            f"compares with a phantom of {max(self.phantoms):g}, but a reward of {float(seen.max()):g} was observed: "
            "then an observed group can be better than the best; raise the phantom"
        )

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The output column: 0 (NaN, if it is a reward) where a row is unscored.

        Raises:
            GuerdonError: if ``column`` is a pattern that no column fits.
        """
        if not self.column.endswith("/*"):
            return {self.output: self._standardized(batch, self.column)}
        level, start = split_name(self.column[:-1])
        names = batch.names(level, start)
        if not names:
            raise GuerdonError(f"Standardize.column {self.column!r} must fit a column of the batch; it fits none")
        return {
            f"{self.output[:-1]}{name.removeprefix(start)}": self._standardized(batch, f"{level}.{name}")
            for name in names
        }

    def _standardized(self, batch: Batch, name: str) -> Tensor:
        level = split_name(name)[0]
        values = batch[name]
        values = segment.floating(values)
        scored = scored_rows(batch, level) & values.isfinite()
        group = self._pool(batch, level, values, scored)
        pools = {"group": group, "leave_one_out": group, "batch": group.merged()}
        result = values
        if self.center != "none":
            pool = pools[self.center]
            result = (pool.others_mean_removed if self.center == "leave_one_out" else pool.mean_removed)(values)
        if self.scale != "none":
            result = self._scaled(result, pools[self.scale])
        if (compared := self.center if self.center != "none" else self.scale) != "none":
            alone = pools[compared].others() == 0
            result = torch.where(alone, values if self.singleton == "raw" else torch.zeros_like(values), result)
        unscored = torch.nan if is_extensive(split_name(self.output)[1]) else 0.0
        return torch.where(scored, result, torch.full_like(result, unscored))

    def _pool(self, batch: Batch, level: str, values: Tensor, scored: Tensor) -> Pool:
        of_row, size = groups(batch, level, self.by)
        row_counts = scored if self.among is None else scored & batch[f"{level}.{split_name(self.among)[1]}"]
        if level in (ACTION, batch.action):
            row_counts = row_counts & trained(batch)
        if self.weigh_by == "action":
            times = trained_counts(batch, level)
            return Pool(values, row_counts & (times > 0), of_row, of_row, row_counts, size, times)
        members, counted, index = values, row_counts, of_row
        if self.phantoms:
            extra = values.new_tensor(self.phantoms).repeat(size)
            members = torch.cat([members, extra])
            counted = torch.cat([counted, torch.ones_like(extra, dtype=torch.bool)])
            index = torch.cat([index, torch.arange(size, device=index.device).repeat_interleave(len(self.phantoms))])
        return Pool(members, counted, index, of_row, row_counts, size)

    def _scaled(self, centered: Tensor, pool: Pool) -> Tensor:
        var = pool.var(self.ddof)
        # Without spread there is nothing to compare: exactly 0, also where another pool's mean was subtracted.
        positive = var > 0
        std = torch.where(positive, var.clamp(min=self.var_floor), 1.0).sqrt()
        divisor = torch.where(positive, std + self.eps, torch.inf)
        return centered / segment.spread(divisor, pool.of_row)


def groups(batch: Batch, level: str, by: str) -> tuple[Tensor, int]:
    """The group of each row of ``level`` and how many there are; ``by`` as in ``Standardize.by``."""
    if by == "group":
        return batch.index(level, "group"), batch.size("group")
    keys = batch[f"{level}.{split_name(by)[1]}"]
    if isinstance(keys, list):
        number = {key: rank for rank, key in enumerate(dict.fromkeys(keys))}
        keys = torch.tensor([number[key] for key in keys], device=batch.device)
    distinct, index = torch.unique(keys, return_inverse=True)
    return index, len(distinct)


def scored_rows(batch: Batch, level: str) -> Tensor:
    """Boolean ``[level]``: false where the row's trajectory has an unscored (NaN) ``traj.reward``."""
    if "traj.reward" not in batch or level == "group":
        return torch.ones(batch.size(level), dtype=torch.bool, device=batch.device)
    finite = batch["traj.reward"].isfinite()
    if bool(finite.all()):
        return torch.ones(batch.size(level), dtype=torch.bool, device=batch.device)
    return batch.down(finite, "traj", level)


def wholly_scored(batch: Batch, reward: Tensor, level: str) -> Tensor:
    """Boolean ``[level]``: false where the row's trajectory is unscored, or has an unscored row of ``reward``."""
    scored, unscored = scored_rows(batch, level), ~reward.isfinite()
    if not bool(unscored.any()):
        return scored
    index, size = batch.index(level, "traj"), batch.size("traj")
    return scored & segment.spread(segment.count(index, size, unscored) == 0, index)

"""The optimiser step: epochs, minibatches, micro-batches, gradient clipping, schedules, precision."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon.axes import is_extensive, split_name
from guerdon.batch import Batch
from guerdon.errors import GuerdonError, RunStopped
from guerdon.objective import UNITS, Objective
from guerdon.piece import Policy
from guerdon.rng import Stream
from guerdon.serial import check_fields

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Update:
    """How a batch becomes parameter changes (AdamW)."""

    lr: float = 1e-3
    """Peak learning rate."""
    epochs: int = 1
    """Passes over the batch."""
    minibatches: int = 1
    """Optimiser steps per pass; the batch is shuffled and cut into this many."""
    micro_batch: int | None = None
    """Trajectories per forward and backward pass; None: the whole minibatch. Does not change the gradient."""
    micro_batch_tokens: int | None = None
    """Tokens per forward and backward pass, prompts and padding included, in place of ``micro_batch``: trajectories of
    similar length go together. Does not change the gradient."""
    max_grad_norm: float | None = 1.0
    """Clip the global gradient norm; None: no clipping."""
    weight_decay: float = 0.0
    """AdamW weight decay."""
    betas: tuple[float, float] = (0.9, 0.999)
    """AdamW moments."""
    adam_eps: float = 1e-8
    """AdamW denominator."""
    warmup: int = 0
    """Optimiser steps of linear warm-up."""
    decay: Literal["constant", "linear", "cosine"] = "constant"
    """Schedule after warm-up, over the run's steps, down to 0."""
    precision: Literal["fp32", "bf16"] = "fp32"
    """bf16 runs forward passes under autocast on a GPU; parameters stay in fp32."""
    recompute_old: bool = True
    """Recompute ``old_logprob`` with the trainer's forward pass; False takes the sampler's (verl "bypass")."""
    ema_decay: float = 0.99
    """Decay of the ``ema_`` snapshot per training step, where a piece reads it."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.lr > 0:
            raise GuerdonError(f"Update.lr must be positive, got {self.lr}")
        for name in ("epochs", "minibatches", "micro_batch", "micro_batch_tokens"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise GuerdonError(f"Update.{name} must be at least 1, got {value}")
        if self.micro_batch and self.micro_batch_tokens:
            raise GuerdonError(
                f"Update must count a pass in trajectories or in tokens, got micro_batch={self.micro_batch} and "
                f"micro_batch_tokens={self.micro_batch_tokens}; leave one at None"
            )
        if not 0 <= self.ema_decay <= 1:
            raise GuerdonError(f"Update.ema_decay must lie in 0..1, got {self.ema_decay}")

    @property
    def on_policy(self) -> bool:
        """Whether every gradient is taken at the policy that the batch began with."""
        return self.epochs == 1 and self.minibatches == 1

    def optimizer(self, policy: Policy) -> torch.optim.Optimizer:
        """AdamW over the policy's parameter groups."""
        groups = [{**group, "lr": self.lr * group.get("lr_scale", 1.0)} for group in policy.parameter_groups()]
        return torch.optim.AdamW(
            groups, lr=self.lr, betas=self.betas, eps=self.adam_eps, weight_decay=self.weight_decay
        )

    def lr_factor(self, done: int, progress: float) -> float:
        """Multiplier of the learning rate after ``done`` optimiser steps, at ``progress`` in [0, 1] of the run."""
        warm = min(1.0, (done + 1) / self.warmup) if self.warmup else 1.0
        if self.decay == "linear":
            return warm * (1 - progress)
        if self.decay == "cosine":
            return warm * 0.5 * (1 + math.cos(math.pi * progress))
        return warm


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """The autocast context of a precision; bf16 needs a GPU, elsewhere it is fp32."""
    if precision == "bf16" and device.type == "cuda":
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def cut(batch: Batch, level: str, sizes: list[int], order: Tensor | None = None) -> Iterator[Batch]:
    """Cut a batch into parts of ``sizes`` rows of ``level``, in ``order`` (default: as they stand)."""
    order = torch.arange(batch.size(level)) if order is None else order
    start = 0
    for size in sizes:
        keep = torch.zeros(batch.size(level), dtype=torch.bool)
        keep[order[start : start + size]] = True
        start += size
        if bool(keep.any()):
            yield batch.select(level, keep)


def even(total: int, parts: int) -> list[int]:
    """``total`` in ``parts`` sizes that differ by at most one."""
    return [total // parts + (number < total % parts) for number in range(parts)]


def unit_of(objective: Objective, policy: Policy) -> str:
    """What must stay whole: the coarser of what the objective and what the policy's forward pass needs."""
    return max(objective.unit, policy.unit, key=UNITS.index)


def minibatches(batch: Batch, update: Update, unit: str, stream: Stream) -> Iterator[Batch]:
    """The optimiser steps of all epochs: shuffled units, ``update.minibatches`` per epoch."""
    for epoch in range(update.epochs):
        if update.minibatches == 1 or unit == "batch":
            yield batch
            continue
        order = torch.randperm(batch.size(unit), generator=stream.child("shuffle", epoch).generator())
        yield from cut(batch, unit, even(batch.size(unit), update.minibatches), order)


def micro_batches(batch: Batch, update: Update, unit: str, packs: bool = False) -> Iterator[Batch]:
    """Cut one optimiser step into passes of ``update.micro_batch`` trajectories or so many tokens, units kept whole.

    ``packs``: whether a pass holds no padding, so that the order can stay as it is.
    """
    if update.micro_batch_tokens is not None and unit != "batch" and "traj.input_ids" in batch:
        yield from _by_tokens(batch, update.micro_batch_tokens, unit, packs)
        return
    if update.micro_batch is None or unit == "batch":
        yield batch
        return
    rows = batch.size(unit)
    size = max(update.micro_batch * rows // max(batch.size("traj"), 1), 1) if unit != "traj" else update.micro_batch
    yield from cut(batch, unit, [min(size, rows - start) for start in range(0, rows, size)])


def _by_tokens(batch: Batch, budget: int, unit: str, packs: bool) -> Iterator[Batch]:
    """Passes of at most ``budget`` tokens (one unit at least); with padding, units of similar length together."""
    unit = max(unit, "traj", key=UNITS.index)
    lengths = torch.tensor([len(ids) for ids in batch["traj.input_ids"]], dtype=torch.int64)
    owner, rows = batch.index("traj", unit).cpu(), batch.size(unit)
    total = torch.zeros(rows, dtype=torch.int64).index_add_(0, owner, lengths).tolist()
    count = torch.bincount(owner, minlength=rows).tolist()
    longest = torch.zeros(rows, dtype=torch.int64).scatter_reduce_(0, owner, lengths, "amax")
    order = torch.arange(rows) if packs else longest.argsort(descending=True, stable=True)
    sizes, held, width, trajectories = [0], 0, 0, 0
    for row, long in zip(order.tolist(), longest[order].tolist(), strict=True):
        width, trajectories, held = max(width, long), trajectories + count[row], held + total[row]
        if sizes[-1] and (held if packs else width * trajectories) > budget:
            sizes.append(0)
            width, trajectories, held = long, count[row], total[row]
        sizes[-1] += 1
    yield from cut(batch, unit, sizes, order)


def optimizer_step(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    batch: Batch,
    update: Update,
    states: Mapping[str, Any],
    own: Mapping[str, str] = NONE,
) -> dict[str, float]:
    """One optimiser step on one minibatch; returns loss, gradient norm and the terms' metrics.

    ``own``: columns of the policy as it was before the update that are those of this step's own forward pass, because
    nothing has changed yet: name -> the column it equals.

    Raises:
        RunStopped: if the loss or the gradient is not finite; parameters are left as they were.
    """
    wants = frozenset(name for name in (*objective.reads, *own.values()) if name in policy.provides)
    optimizer.zero_grad(set_to_none=True)
    sums: dict[str, tuple[float, int]] = {}
    loss_value = 0.0
    for part in micro_batches(objective.prepare(batch, states), update, unit_of(objective, policy), policy.packs):
        with autocast(update.precision, batch.device):
            part = part.with_columns(policy.evaluate(part, wants))
        part = part.with_columns({name: part[same].detach() for name, same in own.items()})
        loss, metrics = objective(part, states)
        if not bool(loss.isfinite()):
            raise RunStopped(
                f"the loss is {float(loss.detach())} ({blame(part)}); lower update.lr or look at the batch"
            )
        if loss.requires_grad:
            loss.backward()
        loss_value += float(loss.detach())
        for name, (total, rows) in metrics.items():
            before = sums.get(name, (0.0, 0))
            sums[name] = (before[0] + total, before[1] + rows)
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    limit = math.inf if update.max_grad_norm is None else update.max_grad_norm
    norm = float(torch.nn.utils.clip_grad_norm_(parameters, limit)) if parameters else 0.0
    if not math.isfinite(norm):
        raise RunStopped(f"the gradient norm is {norm} at loss {loss_value:.4g}; lower update.lr or look at the batch")
    optimizer.step()
    policy.after_update()
    return {
        "loss": loss_value,
        "grad_norm": norm,
        **{name: total / max(rows, 1) for name, (total, rows) in sums.items()},
    }


def blame(batch: Batch) -> str:
    """Name the columns that hold non-finite values; rewards may, where they are unscored."""
    floats = {name: c for name, c in batch.columns.items() if isinstance(c, Tensor) and c.is_floating_point()}
    bad = sorted(
        name for name, c in floats.items() if not is_extensive(split_name(name)[1]) and not bool(c.isfinite().all())
    )
    return f"non-finite columns: {', '.join(bad)}" if bad else "every column is finite, so the objective overflowed"

"""The objective: surrogate x aggregation x regularisers, on orthogonal axes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from guerdon.batch import Batch
from guerdon.objectives.aggregation import TokenMean
from guerdon.piece import Aggregation, RowLoss, Term, Weight

UNITS = ("action", "traj", "group", "batch")
"""What may not be split between micro-batches, finest first."""


@dataclass(frozen=True)
class Objective:
    """``sum_rows aggregation(row) * [prod weights * surrogate + sum regularizers](row)``."""

    surrogate: Term
    """The main row loss: a policy surrogate, a preference loss, a flow balance, a regression."""
    aggregation: Aggregation = field(default_factory=TokenMean)
    """Weights of the rows. Rows of a level above ``action`` are averaged unless it says otherwise."""
    weights: tuple[Weight, ...] = ()
    """Detached multipliers of the surrogate's rows (importance correction, token masks)."""
    regularizers: tuple[Term, ...] = ()
    """Further row losses with coefficients of their own: KL, entropy, value."""

    @property
    def terms(self) -> tuple[Term, ...]:
        """Surrogate and regularisers."""
        return (self.surrogate, *self.regularizers)

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that any part reads."""
        parts = (*self.terms, self.aggregation, *self.weights)
        return tuple(dict.fromkeys(name for part in parts for name in part.reads))

    @property
    def unit(self) -> str:
        """The coarsest thing that a part forbids to split between micro-batches."""
        return max((part.unit for part in (*self.terms, *self.weights)), key=UNITS.index)

    def prepare(self, batch: Batch) -> Batch:
        """Add ``LEVEL.loss_weight`` for every level; call on the whole optimiser step, before micro-batches."""
        levels = [level for level in ("token", "step", "traj", "group") if level in batch.sizes]
        return batch.with_columns({f"{level}.loss_weight": self.aggregation(batch, level) for level in levels})

    def __call__(self, batch: Batch, states: Mapping[str, Any]) -> tuple[Tensor, dict[str, tuple[float, int]]]:
        """The loss of one prepared (micro-)batch, and metrics as (sum over rows, rows).

        ``states`` maps ``objective.surrogate`` and ``objective.regularizers.<i>`` to a term's state.
        """
        total, metrics = torch.zeros((), device=batch.device), {}
        for number, term in enumerate(self.terms):
            key = "objective.surrogate" if number == 0 else f"objective.regularizers.{number - 1}"
            rows = call_with_state(term, batch, states.get(key))
            values = rows.values
            if number == 0:
                for weight in self.weights:
                    values = values * _at(weight(batch).detach(), rows.level, batch)
            if batch.action == rows.level or rows.level == "action":
                values = masked(values, batch)
            total = total + (values * batch[f"{rows.level}.loss_weight"]).sum()
            for name, value in rows.metrics.items():
                metrics[name] = (float(value.detach().sum()), len(value))
        return total, metrics


def masked(values: Tensor, batch: Batch) -> Tensor:
    """Zero the rows that ``action.mask`` excludes; without that column, all rows are trained."""
    if "action.mask" not in batch:
        return values
    return torch.where(batch["action.mask"], values, torch.zeros_like(values))


def _at(weight: Tensor, level: str, batch: Batch) -> Tensor:
    if level in ("action", batch.action):
        return weight
    from guerdon import segment

    return batch.up(weight, segment.mean, "action", level)


def call_with_state(piece: Any, batch: Batch, state: Any) -> Any:
    """Call a piece, with its state if it has one."""
    return piece(batch) if state is None else piece(batch, state)


__all__ = ["Objective", "RowLoss", "call_with_state", "masked"]

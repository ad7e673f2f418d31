"""The objective: surrogate x aggregation x regularisers, on orthogonal axes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from guerdon.axes import LEVELS
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import TokenMean
from guerdon.piece import Aggregation, RowLoss, Term, Weight

NO_STATES: Mapping[str, Any] = MappingProxyType({})
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

    def __post_init__(self) -> None:
        from guerdon.serial import check_fields

        check_fields(self)

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

    def prepare(self, batch: Batch, states: Mapping[str, Any] = NO_STATES) -> Batch:
        """Add ``LEVEL.loss_weight`` for every level; call on the whole optimiser step, before micro-batches."""
        state = states.get("objective.aggregation")
        levels = [level for level in LEVELS if level in batch.sizes]
        weights = {at: call_with_state(self.aggregation, batch, at, state=state) for at in levels}
        return batch.with_columns({f"{level}.loss_weight": weight for level, weight in weights.items()})

    def __call__(self, batch: Batch, states: Mapping[str, Any]) -> tuple[Tensor, dict[str, tuple[float, int]]]:
        """The loss of one prepared (micro-)batch, and metrics as (sum over rows, rows).

        ``states`` maps the places of a recipe, such as ``objective.regularizers.0``, to a piece's state.

        Raises:
            GuerdonError: if a term's rows could be cut apart between micro-batches.
        """
        total, metrics = torch.zeros((), device=batch.device), {}
        for number, term in enumerate(self.terms):
            key = "objective.surrogate" if number == 0 else f"objective.regularizers.{number - 1}"
            rows = call_with_state(term, batch, state=states.get(key))
            check_unit(term, rows.level, batch)
            values = rows.values
            if number == 0:
                for at, weight in enumerate(self.weights):
                    factor = call_with_state(weight, batch, state=states.get(f"objective.weights.{at}"))
                    values = values * _at(factor.detach(), rows.level, batch)
            if batch.action == rows.level or rows.level == "action":
                values = masked(values, batch)
            total = total + (values * batch[f"{rows.level}.loss_weight"]).sum()
            for name, value in rows.metrics.items():
                metrics[name] = (float(value.detach().sum()), len(value))
        return total, metrics


def check_unit(term: Term, level: str, batch: Batch) -> None:
    """Refuse a term whose rows are coarser than what it asks to keep whole: a cut row would be counted twice.

    Raises:
        GuerdonError: naming the term.
    """
    order = (*LEVELS, "batch")
    unit, level = (batch.action if name == "action" else name for name in (term.unit, level))
    if order.index(unit) < order.index(level):
        whole = "traj" if level == "step" else level
        raise GuerdonError(
            f"{type(term).__name__} gives one loss per {level}, so its unit must be {whole!r}, got {unit!r}"
        )


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


def call_with_state(piece: Any, *arguments: Any, state: Any) -> Any:
    """Call a piece, with its state as a last argument if it has one."""
    return piece(*arguments) if state is None else piece(*arguments, state)


__all__ = ["Objective", "RowLoss", "call_with_state", "masked"]

"""Features of an environment's observations under names of their own, for rewards that are designed on them.

Idea
    Progress, speed or a collision are usually somewhere in what an environment shows; a reward needs them by name.
Reads
    ``step.observation`` and ``step.next_observation``, ``[step, features]``.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class Features(Transform):
    """Columns out of the observation before and after the step."""

    before: dict[str, int] = field(default_factory=dict)
    """Column of steps -> number of the feature of the state before the step; negative counts from the end."""
    after: dict[str, int] = field(default_factory=dict)
    """Column of steps -> number of the feature of the state after it."""

    def __post_init__(self) -> None:
        names = (*self.before, *self.after)
        if len(set(names)) < len(names) or any(split_name(name)[0] != "step" for name in names):
            raise GuerdonError(f"Features.before and after must be different columns of steps, got {', '.join(names)}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The observations that are asked for."""
        return ("step.observation",) * bool(self.before) + ("step.next_observation",) * bool(self.after)

    @property
    def writes(self) -> tuple[str, ...]:
        """The named columns."""
        return (*self.before, *self.after)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The columns, ``[step]``.

        Raises:
            GuerdonError: if an observation has no such feature.
        """
        columns: dict[str, Column] = {}
        for names, source in ((self.before, "step.observation"), (self.after, "step.next_observation")):
            for name, number in names.items():
                seen = batch[source]
                if not -seen.shape[1] <= number < seen.shape[1]:
                    raise GuerdonError(f"Features needs a feature {number} for {name}, got {seen.shape[1]} features")
                columns[name] = seen[:, number]
        return columns

"""Weighted sum of reward components.

Idea
    The plainest combination: ``R_i = sum_k w_k r_ik``. A weight may follow a schedule: ``w_k s_k(progress)``.
Reads
    ``traj.reward/<name>`` for every component, or other columns by the pattern ``of``; ``run.step`` or
    ``run.progress`` where a schedule goes by it.
Deviations
    A trajectory with any unscored component (weight other than 0) is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping.schedule import Schedule


@dataclass(frozen=True)
class WeightedSum(Transform):
    """``R_i = sum_k w_k r_ik`` over the named reward components."""

    weights: dict[str, float] = field(default_factory=dict)
    """Component -> weight. 0 leaves it in the log only."""
    schedules: dict[str, Schedule] = field(default_factory=dict)
    """Component -> factor on its weight that changes during the run."""
    others: float = 1.0
    """Weight of the components that ``weights`` does not name; 0: only those named count."""
    of: str = "traj.reward/*"
    """The columns to add, by their common beginning; what ``*`` stands for are the components' names."""
    output: str = "traj.reward"
    """Where to write it."""

    def __post_init__(self) -> None:
        for column in (self.of, self.output):
            split_name(column)
        if not self.of.endswith("/*") or self.output.startswith(self.of[:-1]):
            raise GuerdonError(
                f"WeightedSum.of must end with /* and not fit output, got of={self.of!r}, output={self.output!r}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The components, and the state of the run that a schedule goes by."""
        return (self.of, *sorted({schedule.fact for schedule in self.schedules.values()}))

    @property
    def writes(self) -> tuple[str, ...]:
        """The sum."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward``, ``[traj]``.

        Raises:
            GuerdonError: if a weight names a component that the batch lacks.
        """
        level, start = split_name(self.of[:-1])
        names = [name.removeprefix(start) for name in batch.names(level, start)]
        unknown = sorted({*self.weights, *self.schedules} - set(names))
        if unknown or not names:
            raise GuerdonError(
                f"WeightedSum.weights must name reward components of the batch ({', '.join(names) or 'none'}), "
                f"got {', '.join(unknown) or 'none'}"
            )
        used = [(self.weight(batch, name), batch[f"{self.of[:-1]}{name}"]) for name in names]
        used = [(weight, reward) for weight, reward in used if weight != 0] or [(0.0, used[0][1])]
        total = used[0][0] * used[0][1]
        for weight, reward in used[1:]:
            total = total + weight * reward
        return {self.output: total}

    def weight(self, batch: Batch, name: str) -> float:
        """The weight of a component at this point of the run."""
        schedule = self.schedules.get(name)
        factor = 1.0 if schedule is None else schedule(float(batch[schedule.fact]))
        return self.weights.get(name, self.others) * factor

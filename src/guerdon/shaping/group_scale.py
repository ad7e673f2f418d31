"""The reward of every response to a prompt times a number of the prompt: difficulty as a scale (rewardmap, shop_r1).

Idea
    Hard prompts should count more, so their rewards are multiplied. That works as long as nothing divides by the
    group's own spread afterwards: GRPO's standard deviation takes the factor out again, and ``Recipe.check`` says so.
Maths
    ``x_i <- w_g x_i`` with w_g > 0 for all i of the group g.
Reads
    ``column`` (changed in place) and ``by``.
Deviations
    A group whose number is 0 or negative is refused: that would drop its reward or turn it round.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class GroupScale(Transform):
    """``x_i <- w_g x_i``."""

    by: str
    """w: a column of the level ``group``, such as what ``ProblemNumber`` writes."""
    column: str = "traj.reward"
    """x, changed in place."""

    acts_as = "group_scale"

    def __post_init__(self) -> None:
        if split_name(self.by)[0] != "group":
            raise GuerdonError(f"GroupScale.by must be a column of the level group, got {self.by!r}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Both columns."""
        return (self.column, self.by)

    @property
    def writes(self) -> tuple[str, ...]:
        """The scaled one."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The scaled column.

        Raises:
            GuerdonError: if a group's number is not positive.
        """
        weight = batch[self.by]
        if not bool((weight > 0).all()):
            raise GuerdonError(f"{self.by} must be positive to scale a reward, got {float(weight.min()):g}")
        level = split_name(self.column)[0]
        return {self.column: batch[self.column] * batch.down(weight, "group", level).to(batch[self.column])}

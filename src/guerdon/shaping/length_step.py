"""A fixed bonus for a right response that keeps within a target length (laser).

Idea
    A step asks for no more than the target: below it nothing is gained by being shorter still.
Maths
    Right: ``alpha [T <= L]`` (bonus), ``-alpha [T > L]`` (penalty), or both (hybrid). With ``explore`` a wrong response
    longer than the target that does not repeat itself gets ``alpha`` as well: it is still searching.
Reads
    ``correct`` (an outcome, right above 0.5), the number of actions, the target if it is a column, ``explore``.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.piece import Transform
from guerdon.shaping._outcome import lengths, right


@dataclass(frozen=True)
class LengthStep(Transform):
    """``alpha [T <= target]`` for right responses."""

    target: int | str
    """Longest length that is rewarded, in actions, or a column that says so per trajectory or per group."""
    alpha: float = 0.5
    """Size of the step."""
    mode: Literal["bonus", "penalty", "hybrid"] = "bonus"
    """Reward what is short enough, punish what is not, or both."""
    explore: str | None = None
    """Boolean column of the trajectories that repeat themselves; the other long wrong ones then get ``alpha`` too."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    writes = ("traj.reward/length",)

    @property
    def moot(self) -> str:
        """Whether the step has no height."""
        return "gives nothing: its alpha is 0" if self.alpha == 0 else ""

    @property
    def acts_beyond(self) -> int | None:
        """Up to the target all right responses are paid alike."""
        return self.target if isinstance(self.target, int) else None

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcome and the columns that fields name."""
        named = [self.target] if isinstance(self.target, str) else []
        return (self.correct, *named, *([self.explore] if self.explore else []))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/length``, ``[traj]``."""
        solved, length = right(batch, self.correct), lengths(batch)
        target = batch[f"traj.{split_name(self.target)[1]}"] if isinstance(self.target, str) else self.target
        short, zero = length <= target, torch.zeros_like(length)
        step = torch.where(short, self.alpha, 0.0 if self.mode == "bonus" else -self.alpha)
        if self.mode == "penalty":
            step = step.clamp(max=0.0)
        reward = torch.where(solved, step.to(length.dtype), zero)
        if self.explore is not None:
            wrong = batch[self.correct].isfinite() & ~solved
            searching = wrong & ~short & ~batch[f"traj.{split_name(self.explore)[1]}"]
            reward = torch.where(searching, zero + self.alpha, reward)
        return {"traj.reward/length": reward}

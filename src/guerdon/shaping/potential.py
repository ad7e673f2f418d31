"""Potential-based shaping of the rewards of steps: help on the way that changes no optimum (robo_dopamine).

Idea
    A reward for being far along pays for staying there. The discounted difference of a potential pays nothing in the
    end: every trajectory from a state gets the same sum, so only the way is made easier.
Maths
    ``r'_t = r_t + discount Phi_{t+1} - Phi_t``, Phi being 0 after a step that terminates. Then
    ``sum_t discount^t (r'_t - r_t) = -Phi_0`` and ``Q' = Q - Phi``. Phi may depend on the whole history, as long as the
    Phi_{t+1} of a step is the Phi_t of the next.
Reads
    The reward, ``step.potential``, ``step.next_potential``, ``step.terminated``.
Deviations
    The potential of the terminal state is 0: without that a bonus discount^T Phi_T is left, which the paper's proof
    for infinite horizons hides. A step that was cut keeps its next potential, as it keeps its next value.
    ``discount=1, zero_at_end=False`` is the plain difference, which pays for stalling. NaN stays unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


@dataclass(frozen=True)
class PotentialShaping(Transform):
    """``r'_t = r_t + discount Phi_{t+1} - Phi_t``."""

    discount: float = 1.0
    """gamma: the learner's, if no policy is to be favored."""
    zero_at_end: bool = True
    """Whether what terminates has potential 0 instead of ``step.next_potential``."""
    reward: str = "step.reward"
    """r: the reward of the step."""
    output: str = "step.reward"
    """Where to write it, at the level of steps."""

    def __post_init__(self) -> None:
        if not 0 <= self.discount <= 1:
            raise GuerdonError(f"PotentialShaping.discount must lie in [0, 1], got {self.discount}")
        if {split_name(name)[0] for name in (self.reward, self.output)} != {"step"}:
            raise GuerdonError(
                f"PotentialShaping.reward and output must be columns of steps, got {self.reward} and {self.output}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward, both potentials, and where nothing follows."""
        return (self.reward, "step.potential", "step.next_potential", "step.terminated")

    @property
    def writes(self) -> tuple[str, ...]:
        """The shaped reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The shaped reward, ``[step]``."""
        reward, now, following = batch[self.reward], batch["step.potential"], batch["step.next_potential"]
        if self.zero_at_end:
            following = torch.where(batch["step.terminated"].bool(), torch.zeros_like(following), following)
        return {self.output: reward + self.discount * following - now}

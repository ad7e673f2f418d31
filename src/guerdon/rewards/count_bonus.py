"""A bonus for states that were seldom reached (EXPLORS, reward_design_thesis).

Maths
    ``B(s') = scale / sqrt((scale / largest)^2 + N(s'))``, N the visits of s' so far; 0 where nothing follows. Then
    ``N(s') += 1``.
Reads
    ``step.next_observation`` as one-hot states, ``step.terminated``.
Deviations
    Counts go on over batches; all steps of a batch see the counts that it began with, plus those of earlier rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


class Counts(nn.Module):
    """Visits per state, int64."""

    visits: Tensor

    def __init__(self, states: int) -> None:
        super().__init__()
        self.register_buffer("visits", torch.zeros(states, dtype=torch.int64))


@dataclass(frozen=True)
class CountBonus(Transform):
    """``B(s') = scale / sqrt((scale / largest)^2 + N(s'))``."""

    states: int
    """Number of states: length of the one-hot observation."""
    scale: float = 1.0
    """How strong the bonus is once a state was seen often."""
    largest: float = 1.0
    """Bonus of a state that was never reached."""
    output: str = "step.reward/novelty"
    """Where to write it."""

    reads = ("step.next_observation", "step.terminated")

    def __post_init__(self) -> None:
        if self.states < 1 or not self.scale > 0 or not self.largest > 0:
            raise GuerdonError(
                f"CountBonus needs states >= 1 and positive scale and largest, got {self.states}, {self.scale} and "
                f"{self.largest}"
            )

    @property
    def writes(self) -> tuple[str, ...]:
        """The bonus."""
        return (self.output,)

    def init_state(self) -> Counts:
        """No visits."""
        return Counts(self.states)

    def bonus(self, visits: int) -> float:
        """B after so many visits."""
        return self.scale / math.sqrt((self.scale / self.largest) ** 2 + visits)

    def __call__(self, batch: Batch, state: Counts | None = None) -> Mapping[str, Column]:
        """The bonus, ``[step]``; counts the visits."""
        seen = batch["step.next_observation"]
        if seen.shape[1:] != (self.states,):
            raise GuerdonError(
                f"CountBonus.states must be the length of the observation, got {self.states} for {tuple(seen.shape[1:])}"
            )
        state = self.init_state().to(seen.device) if state is None else state
        place, goes_on = seen.argmax(1), ~batch["step.terminated"].bool()
        row = torch.where(goes_on, place, self.states)
        visits = torch.cat([state.visits, state.visits.new_zeros(1)])[row] + segment.position(row, self.states + 1)
        value = self.scale / ((self.scale / self.largest) ** 2 + visits.double()).sqrt()
        state.visits += segment.count(place, self.states, goes_on)
        return {self.output: torch.where(goes_on, value, 0.0).to(torch.get_default_dtype())}

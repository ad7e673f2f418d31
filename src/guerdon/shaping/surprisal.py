"""Every token of the reasoning costs what it tells beyond a prior that does not see the prompt (cib).

Idea
    Compress the reasoning as far as the answer allows. A token that the prior expects is nearly free; with a uniform
    prior each costs the same, which is a length penalty.
Maths
    ``r_i = beta sum_t log Q(z_t | z_<t)`` over the reasoning trace z. Uniform over V: ``-beta T log V``.
Reads
    ``action.prior_logprob`` (see ``rewards/prior.py``); with a tag ``action.id``.
Deviations
    A sum, not a mean: filler still costs something, and an informative token costs more than a filler. Right and
    wrong responses pay alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._phases import phases


@dataclass(frozen=True)
class Surprisal(Transform):
    """``beta sum_t log Q(z_t | z_<t)`` over the tokens before the closing tag."""

    beta: float
    """Reward per nat."""
    tag: tuple[int, ...] = ()
    """Token ids of the tag that closes the reasoning and is not part of it; none: the whole response counts."""

    writes = ("traj.reward/surprisal",)

    def __post_init__(self) -> None:
        if self.beta < 0:
            raise GuerdonError(f"Surprisal.beta must be 0 or more, got {self.beta}; the log-prob has the sign already")

    @property
    def reads(self) -> tuple[str, ...]:
        """The prior's log-probs, and ids where there is a tag."""
        return ("action.prior_logprob", *(["action.id"] if self.tag else []))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/surprisal``, ``[traj]``."""
        index, size = batch.index("action", "traj"), batch.size("traj")
        where = phases(batch, self.tag)[0] if self.tag else None
        total = segment.sum(batch["action.prior_logprob"], index, size, where)
        return {"traj.reward/surprisal": self.beta * total}

"""Wrong labels on purpose: outcomes are flipped with a known probability (noisy).

Idea
    Learning from wrong labels is cheap to try: turn right into wrong for some prompts and see what is left of the gain.
Maths
    ``c <- 1 - c`` with probability p, drawn once per problem (the label itself is wrong and stays so), once per group
    (wrong in this step) or once per response. A group flipped as a whole has its advantages negated exactly, so that
    ``E[A] = (1 - 2p) A``.
Reads
    ``column``, an outcome in 0..1; ``group.problem_id``; ``run.seed``, ``run.step``; ``readable`` if it is named.
Deviations
    Draws come from the run's seed, the problem and the step, so that a resumed run repeats them; a problem that a step
    holds twice has equal draws. The released code draws per group and leaves an answer that cannot be read at 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rng import Stream
from guerdon.rollouts.sampler import uniform


@dataclass(frozen=True)
class LabelFlip(Transform):
    """``c <- 1 - c`` with ``probability``."""

    probability: float
    """p: how often."""
    per: Literal["problem", "group", "response"] = "group"
    """What is drawn once: a problem for the whole run, a group in its step, or each response."""
    column: str = "traj.reward/correct"
    """The outcome to change in place."""
    readable: str | None = None
    """Column above 0.5 where an answer could be read; the others keep their outcome. None: all could be read."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise GuerdonError(f"LabelFlip.probability must lie in 0..1, got {self.probability}")

    @property
    def moot(self) -> str:
        """What is left of the label: E[A] = (1 - 2p) A."""
        if self.probability == 0:
            return "flips nothing: its probability is 0"
        if self.probability == 0.5:
            return "leaves nothing to learn: at a probability of 0.5 labels say nothing"
        return "reverses what is learned: above 0.5 more labels are wrong than right" if self.probability > 0.5 else ""

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcome, what the draws are named by, and which answers could be read."""
        named = ("group.problem_id", "run.seed", "run.step")
        return (self.column, *named, *([self.readable] if self.readable else []))

    @property
    def writes(self) -> tuple[str, ...]:
        """The outcome."""
        return (self.column,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The outcome, ``[traj]``; unscored stays unscored."""
        outcome = batch[self.column]
        flip = self._draws(batch) < self.probability
        if self.readable:
            flip = flip & (batch[self.readable] > 0.5)
        return {self.column: torch.where(flip, 1 - outcome, outcome)}

    def _draws(self, batch: Batch) -> Tensor:
        """Uniform numbers ``[traj]``, equal where one draw decides."""
        path = (int(batch["run.seed"]), "label_flip", *(() if self.per == "problem" else (int(batch["run.step"]),)))
        # Problems are 2^20 apart, so that each has room for the draws of its responses.
        seeds = Stream(path).integer() + batch["traj.problem_id"] * 2**20
        if self.per == "response":
            seeds = seeds + segment.position(batch.index("traj", "group"), batch.size("group"))
        return uniform(seeds, 0)

"""Answers that are right by chance, each given with a confidence: the smallest task with something to be calibrated.

Idea
    Some prompts cannot be answered for sure, whatever the policy says. It chooses an answer and says how sure it is;
    only the answer decides whether it is right (rlcr).
Maths
    Action = answer x levels + level, confidence = level / (levels - 1). The chance that an answer is right: U(low, 1) for
    the best one of each prompt, U(0, low) for the others.
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class UncertainAnswer(TokenTask):
    """P prompts; a response is one of ``answers`` with one of ``levels`` confidences."""

    prompts: int = 64
    """P: number of prompts."""
    answers: int = 6
    """Answers to choose from."""
    levels: int = 11
    """Confidences from 0 to 1."""
    low: float = 0.3
    """Below this lie the chances of all answers but the best."""
    seed: int = 0
    """Of the chances."""

    depth = 1

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.answers < 1 or self.levels < 2 or not 0 < self.low < 1:
            raise GuerdonError(
                f"UncertainAnswer needs prompts, answers >= 1, levels >= 2 and low in (0, 1), got {self}"
            )

    @property
    def actions(self) -> int:
        """Answers x levels."""
        return self.answers * self.levels

    def chances(self) -> Tensor:
        """The chance of each answer to be right, ``[P, answers]``."""
        generator = Stream((self.seed, "uncertain_answer")).generator()
        chance = self.low * torch.rand((self.prompts, self.answers), generator=generator)
        best = torch.randint(self.answers, (self.prompts, 1), generator=generator)
        return chance.scatter(1, best, self.low + (1 - self.low) * torch.rand(best.shape, generator=generator))

    def rewards(self) -> Tensor:
        """The chance of each action to be right, ``[P, actions]``."""
        return self.chances().repeat_interleave(self.levels, dim=1)

    def confidences(self) -> Tensor:
        """The confidence that each action states, ``[actions]``."""
        return (torch.arange(self.levels) / (self.levels - 1)).repeat(self.answers)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """Sampled success ``traj.reward/task`` and the stated ``traj.confidence``, ``[n]``."""
        action = tokens[:, 0]
        chance = self.rewards()[prompt, action]
        success = torch.rand(chance.shape, generator=generator) < chance
        return {"traj.reward/task": success.float(), "traj.confidence": self.confidences()[action]}

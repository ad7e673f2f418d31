"""A right or a wrong chain of thought, and an answer that follows from it by chance.

Idea
    Only answers are rewarded; whether that teaches right chains depends on how much a right chain helps the answer.
Maths
    The policy chooses the chain, right with probability ``start`` at first. The answer is right with probability
    ``after_right`` or ``after_wrong``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.tasks.token_task import TokenTask

RIGHT, WRONG = 0, 1


@dataclass(frozen=True)
class ChainChoice(TokenTask):
    """P prompts with two actions: a right chain (0) or a wrong one (1)."""

    prompts: int = 16
    """P: number of prompts."""
    after_right: float = 0.9
    """alpha: chance of a right answer after a right chain."""
    after_wrong: float = 0.3
    """beta: chance of a right answer after a wrong chain."""
    start: float = 0.2
    """Initial probability of a right chain."""

    depth = 1
    actions = 2

    def __post_init__(self) -> None:
        if self.prompts < 1 or not 0 < self.start < 1 or not 0 <= min(self.chances) <= max(self.chances) <= 1:
            raise GuerdonError(f"ChainChoice needs prompts, chances in [0, 1] and start inside them, got {self}")

    @property
    def chances(self) -> tuple[float, float]:
        """Chance of a right answer after each action."""
        return (self.after_right, self.after_wrong)

    def initial_logits(self) -> Tensor:
        """Rows that choose the right chain with ``start``, ``[P, 2]``."""
        return torch.tensor([self.start, 1 - self.start]).log().repeat(self.prompts, 1)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """Sampled answers: ``traj.reward/task``, and ``traj.right_chain``, ``[n]``."""
        chance = torch.tensor(self.chances)[tokens[:, 0]]
        right = torch.rand(len(chance), generator=generator) < chance
        return {"traj.reward/task": right.float(), "traj.right_chain": tokens[:, 0] == RIGHT}

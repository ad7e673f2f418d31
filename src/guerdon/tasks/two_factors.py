"""One-token prompts whose answers succeed by chance and cost something: two factors, one more important (heron).

Idea
    The scale of a cost is arbitrary. A sum of reward and cost depends on it, a comparison by importance does not.
Maths
    Each prompt has ``good`` actions that succeed with probability U(.6, .9); the others do with U(0, .2). A cost is
    ``scale (U(0, 1) + effort)``, effort being 0.5 for good actions. Features: success, and the cost per scale.
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

EFFORT = 0.5


@dataclass(frozen=True)
class TwoFactors(TokenTask):
    """P prompts with ``actions`` answers, ``good`` of which often succeed and cost more."""

    prompts: int = 16
    """P: number of prompts."""
    actions: int = 8
    """Answers of a prompt."""
    good: int = 2
    """Answers that often succeed."""
    scale: float = 1.0
    """Unit of the cost."""
    seed: int = 0
    """Of chances and costs."""

    depth = 1

    def __post_init__(self) -> None:
        if self.prompts < 1 or not 1 <= self.good <= self.actions or not self.scale > 0:
            raise GuerdonError(f"TwoFactors needs prompts >= 1, 1 <= good <= actions and scale > 0, got {self}")

    def tables(self) -> tuple[Tensor, Tensor]:
        """Chance of success and cost of every action, each ``[P, actions]``."""
        generator = Stream((self.seed, "two_factors")).generator()
        chance, cost, order = torch.rand((3, self.prompts, self.actions), generator=generator)
        is_good = order.argsort(1) < self.good
        chance = torch.where(is_good, 0.6 + 0.3 * chance, 0.2 * chance)
        return chance, self.scale * (cost + EFFORT * is_good)

    def rewards(self) -> Tensor:
        """Chance of success, ``[P, actions]``."""
        return self.tables()[0]

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """Sampled success ``traj.reward/task``, ``traj.reward/cost`` and ``traj.features`` ``[n, 2]``."""
        chance, cost = (table[prompt, tokens[:, 0]] for table in self.tables())
        success = (torch.rand(chance.shape, generator=generator) < chance).float()
        features = torch.stack([success, cost / self.scale], 1)
        return {"traj.reward/task": success, "traj.reward/cost": cost, "traj.features": features}

"""A bandit with categories of prompts, each with a reward of its own that only demonstrations show.

Idea
    Learning a reward from demonstrations can be told from learning the policy: the true reward is linear in the
    features of an action, differs between categories, and one category is rare.
Maths
    Actions of a prompt have features ``psi ~ N(0, I / d)``; category j has weights ``w_j ~ N(0, I)``. The demonstration
    is the action of highest ``w_j psi``; it alone pays 1. The last category has ``rare`` of the prompts.
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
class CategoryBandit(TokenTask):
    """P prompts in K categories, V actions with d features, one demonstration each."""

    prompts: int = 98
    """P: number of prompts."""
    vocab: int = 16
    """V: actions."""
    width: int = 8
    """d: features of an action."""
    categories: int = 7
    """K: kinds of prompts, each with a reward of its own."""
    rare: int = 2
    """Prompts of the last category; the others share the rest."""
    seed: int = 0
    """Of features and rewards."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.vocab, self.width, self.rare) < 1 or self.categories < 2 or self.prompts <= self.rare:
            raise GuerdonError(f"CategoryBandit needs positive sizes, 2 categories and prompts > rare, got {self}")

    def kinds(self) -> Tensor:
        """Category of each prompt, ``[P]``."""
        usual = torch.arange(self.prompts - self.rare) % (self.categories - 1)
        return torch.cat([usual, torch.full((self.rare,), self.categories - 1)])

    def _draws(self) -> tuple[Tensor, Tensor]:
        generator = Stream((self.seed, "category_bandit")).generator()
        features = torch.randn((self.prompts, self.vocab, self.width), generator=generator) / self.width**0.5
        return features, torch.randn((self.categories, self.width), generator=generator)

    def action_features(self) -> Tensor:
        """``[P, V, d]``."""
        return self._draws()[0]

    def demonstrations(self) -> Tensor:
        """Demonstrated action of each prompt, ``[P]``."""
        features, weights = self._draws()
        return torch.einsum("pvd,pd->pv", features, weights[self.kinds()]).argmax(1)

    def rewards(self) -> Tensor:
        """1 on the demonstrated action, ``[P, V]``."""
        return torch.nn.functional.one_hot(self.demonstrations(), self.vocab).float()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` and ``traj.category`` ``[n]``, ``traj.features`` and ``traj.demo_features`` ``[n, d]``."""
        features, demo = self.action_features(), self.demonstrations()
        return {
            "traj.reward/task": self.rewards()[prompt, tokens[:, 0]],
            "traj.category": self.kinds()[prompt],
            "traj.features": features[prompt, tokens[:, 0]],
            "traj.demo_features": features[prompt, demo[prompt]],
        }

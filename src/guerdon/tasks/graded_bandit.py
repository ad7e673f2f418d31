"""A bandit whose prompts are shown at several levels: with a hint, plain, or with noise on their features.

Idea
    A prompt that is never or always solved teaches nothing; shown more easily or less clearly it may. A problem's number
    holds the prompt and the level, so that a curriculum chooses both.
Maths
    Features ``[phi + noise_l, hint_l onehot(right action)]``, ``phi ~ N(0, 1/d)``; at level l below 0 ``hint = -l / hints``
    and no noise, above 0 noise of ``l / noises`` times phi's size and no hint. Start: ``W = 3 (sqrt(1/4) W* + sqrt(3/4)
    noise)`` on phi, ``follow`` times the identity on the hint. The best action of ``phi W*`` pays 1.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy.
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
class GradedBandit(TokenTask):
    """P prompts at ``hints + 1 + noises`` levels each, V actions."""

    prompts: int = 64
    """P: number of prompts."""
    vocab: int = 32
    """V: actions."""
    width: int = 16
    """d: features without the hint."""
    hints: int = 4
    """Levels that are easier than the plain prompt."""
    noises: int = 4
    """Levels that are harder."""
    follow: float = 6.0
    """How much the initial policy follows a whole hint, in logits."""
    seed: int = 0
    """Of features, targets, noise and the start."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.prompts, self.vocab, self.width) < 1 or min(self.hints, self.noises) < 0:
            raise GuerdonError(f"GradedBandit needs positive sizes and hints, noises of 0 or more, got {self}")

    @property
    def levels(self) -> int:
        """Levels of a prompt, the easiest first."""
        return self.hints + 1 + self.noises

    @property
    def plain(self) -> int:
        """Number of the level without hint and noise."""
        return self.hints

    @property
    def contexts(self) -> int:
        """One row per prompt and level: ``prompt levels + level``."""
        return self.prompts * self.levels

    def size(self, split: str) -> int:
        """Number of problems."""
        return self.contexts

    def _draws(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "graded_bandit")).generator()
        phi = torch.randn((self.prompts, self.width), generator=generator) / self.width**0.5
        target, start = torch.randn((2, self.width, self.vocab), generator=generator)
        blur = torch.randn((self.prompts, self.width), generator=generator) / self.width**0.5
        return phi, target, start, blur

    def right(self) -> Tensor:
        """Rewarded action of each prompt, ``[P]``."""
        phi, target, _, _ = self._draws()
        return (phi @ target).argmax(1)

    def features(self) -> Tensor:
        """``[P levels, d + V]``."""
        phi, _, _, blur = self._draws()
        level = torch.arange(self.levels) - self.plain
        noise = (level.clamp(min=0) / max(self.noises, 1))[None, :, None]
        hint = (-level.clamp(max=0) / max(self.hints, 1))[None, :, None]
        shown = phi[:, None] + noise * blur[:, None]
        told = hint * torch.nn.functional.one_hot(self.right(), self.vocab)[:, None]
        return torch.cat([shown, told], 2).reshape(self.contexts, -1)

    def initial_weights(self) -> Tensor:
        """``[d + V, V]``."""
        _, target, start, _ = self._draws()
        return torch.cat([3 * (0.25**0.5 * target + 0.75**0.5 * start), self.follow * torch.eye(self.vocab)])

    def rewards(self) -> Tensor:
        """1 on the right action, at every level, ``[P levels, V]``."""
        return torch.nn.functional.one_hot(self.right().repeat_interleave(self.levels), self.vocab).float()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, ``[n]``."""
        return {"traj.reward/task": self.rewards()[prompt, tokens[:, 0]]}

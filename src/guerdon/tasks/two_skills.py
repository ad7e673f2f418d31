"""A bandit with a skill to learn and a skill to keep: forgetting, without a network.

Idea
    Prompts of two skills share features, so that training on the first moves the second. The initial policy is good at
    the second, as a pre-trained model is at what it is not trained on any more.
Maths
    ``phi ~ N(0, 1/d)`` per prompt, features ``[phi, s g phi]`` with s = 1 for the new skill and -1 for the old one: the
    skills have weights ``W1 + g W2`` and ``W1 - g W2``, and each has its own target. Start: the old one is its target, the
    new one ``sqrt(c)`` of its target and noise. The ``correct`` best actions of a prompt pay 1.
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
class TwoSkills(TokenTask):
    """P prompts of a new skill (source 0), then P of an old one (source 1), V actions."""

    prompts: int = 48
    """P: prompts of each skill."""
    vocab: int = 32
    """V: actions."""
    width: int = 16
    """d: features."""
    correct: int = 4
    """Rewarded actions per prompt."""
    apart: float = 0.5
    """g: how far the features tell the skills apart; 0 not at all."""
    start: float = 0.25
    """c: how much of the new skill the initial policy has."""
    replay: bool = True
    """Whether the old skill is trained as well."""
    seed: int = 0
    """Of features, targets and the start."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.prompts, self.vocab, self.width) < 1 or not 0 <= self.correct <= self.vocab:
            raise GuerdonError(f"TwoSkills needs positive sizes and correct <= vocab, got {self}")
        if not self.apart > 0 or not 0 <= self.start <= 1:
            raise GuerdonError(f"TwoSkills needs apart > 0 and start in [0, 1], got {self}")

    @property
    def contexts(self) -> int:
        """One row per prompt."""
        return 2 * self.prompts

    def size(self, split: str) -> int:
        """Prompts of both skills, or of the new one alone."""
        return self.contexts if self.replay else self.prompts

    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "two_skills")).generator()
        phi = torch.randn((self.contexts, self.width), generator=generator) / self.width**0.5
        targets = torch.randn((2, self.width, self.vocab), generator=generator)
        noise = torch.randn((self.width, self.vocab), generator=generator)
        return phi, targets, noise

    def sources(self) -> Tensor:
        """Skill of each prompt, 0 new and 1 old, ``[2 P]``."""
        return torch.arange(self.contexts) // self.prompts

    def features(self) -> Tensor:
        """``[2 P, 2 d]``."""
        phi = self._draws()[0]
        sign = 1.0 - 2.0 * self.sources()[:, None]
        return torch.cat([phi, sign * self.apart * phi], 1)

    def initial_weights(self) -> Tensor:
        """``[2 d, V]``."""
        _, (new, old), noise = self._draws()
        new, old = 3 * (self.start**0.5 * new + (1 - self.start) ** 0.5 * noise), 3 * old
        return torch.cat([(new + old) / 2, (new - old) / (2 * self.apart)])

    def rewards(self) -> Tensor:
        """1 on the best actions of each prompt, ``[2 P, V]``."""
        phi, targets, _ = self._draws()
        scores = torch.einsum("pd,pdv->pv", phi, targets[self.sources()])
        return torch.zeros_like(scores).scatter(1, scores.topk(self.correct, dim=1).indices, 1.0)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` and ``traj.source``, ``[n]``."""
        return {"traj.reward/task": self.rewards()[prompt, tokens[:, 0]], "traj.source": self.sources()[prompt]}

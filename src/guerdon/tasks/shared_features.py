"""A bandit whose prompts share features, so that what is learned on some prompts changes the others.

Idea
    Generalisation and forgetting without a network: half of the prompts train, the other half test
    (baseline-toys ``shared_feature_bandit``).
Maths
    Features phi ~ N(0, 1/d) per prompt, logits phi W. Start W = 3 (sqrt(1/4) W* + sqrt(3/4) noise). The
    ``correct`` best actions of phi W* pay 1.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class SharedFeatures(TokenTask):
    """P prompts with d shared features, V actions; the first half of the prompts is for training."""

    prompts: int = 192
    """P: number of prompts, both halves together."""
    vocab: int = 64
    """V: actions."""
    width: int = 16
    """d: features."""
    correct: int = 6
    """Rewarded actions per prompt."""
    seed: int = 0
    """Of features, targets and the start."""

    depth = 1

    def size(self, split: str) -> int:
        """Half of the prompts each; test prompts are numbered from P/2."""
        return self.prompts // 2

    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "shared_features")).generator()
        features = torch.randn((self.prompts, self.width), generator=generator) / self.width**0.5
        best = torch.randn((self.width, self.vocab), generator=generator)
        noise = torch.randn((self.width, self.vocab), generator=generator)
        return features, best, noise

    def features(self) -> Tensor:
        """``[P, d]``."""
        return self._draws()[0]

    def initial_weights(self) -> Tensor:
        """``[d, V]``: half right, as a pre-trained policy is."""
        _, best, noise = self._draws()
        return 3 * (0.25**0.5 * best + 0.75**0.5 * noise)

    def rewards(self) -> Tensor:
        """1 on the best actions of each prompt, ``[P, V]``."""
        features, best, _ = self._draws()
        top = (features @ best).topk(self.correct, dim=1).indices
        return torch.zeros(self.prompts, self.vocab).scatter(1, top, 1.0)

    def stored(self, problem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A teacher's responses to problems ``[n]``: every rewarded action once. Owners, tokens ``[m, 1]``, rewards."""
        owner, action = self.rewards()[problem].nonzero(as_tuple=True)
        return owner, action[:, None], torch.ones(len(action))

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, ``[n]``."""
        return {"traj.reward/task": self.rewards()[prompt, tokens[:, 0]]}

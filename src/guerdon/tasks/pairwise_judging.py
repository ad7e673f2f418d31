"""Judging pairs in two tokens: an analysis that names the better response, and a verdict that names it again.

Idea
    A generative judge without language. Which response is better follows from features of the pair, so a linear policy
    can learn it; whether verdict and analysis agree is a reward of its own.
Maths
    Features x ~ N(0, I) are the difference of the two responses'; the first is better where ``w . x > 0``. The analysis
    sees x, the verdict sees x and the analysis (+1 or -1). Actions: 0 names the first, 1 the second.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy, which starts undecided.
Deviations
    Every response has the right format. Images and texts are replaced by their features.
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
class PairwiseJudging(TokenTask):
    """P pairs with d features; two tokens, each 0 or 1, of which the second is the verdict."""

    pairs: int = 128
    """P."""
    width: int = 8
    """d."""
    seed: int = 0
    """Of the pairs and the true preference."""

    depth = 2
    actions = 2

    def __post_init__(self) -> None:
        if min(self.pairs, self.width) < 1:
            raise GuerdonError(f"PairwiseJudging needs positive pairs and width, got {self.pairs} and {self.width}")

    @property
    def contexts(self) -> int:
        """Per pair the start, and what follows analysis 0 and 1."""
        return 3 * self.pairs

    def size(self, split: str) -> int:
        """Number of pairs."""
        return self.pairs

    def _draws(self) -> tuple[Tensor, Tensor]:
        generator = Stream((self.seed, "pairwise_judging")).generator()
        return torch.randn((self.pairs, self.width), generator=generator), torch.randn(self.width, generator=generator)

    def labels(self) -> Tensor:
        """Which response is better, 0 or 1, ``[P]``."""
        features, preference = self._draws()
        return (features @ preference <= 0).long()

    def features(self) -> Tensor:
        """``[contexts, 2 d + 1]``: x for the analysis, x and the analysis for the verdict."""
        difference, none = self._draws()[0], torch.zeros(self.pairs, self.width)
        rows = [torch.cat([difference, none, torch.zeros(self.pairs, 1)], 1)]
        rows += [torch.cat([none, difference, torch.full((self.pairs, 1), side)], 1) for side in (-1.0, 1.0)]
        return torch.stack(rows, 1).reshape(self.contexts, -1)

    def initial_weights(self) -> Tensor:
        """Of action 1, ``[2 d + 1, 1]``: undecided; action 0 has logit 0."""
        return torch.zeros(2 * self.width + 1, 1)

    def accuracy(self, logits: Tensor) -> float:
        """Exact probability of a right verdict under ``logits`` ``[contexts, 2]``, averaged over pairs."""
        chance = logits.softmax(-1).reshape(self.pairs, 3, 2)
        right = chance[:, 1:].gather(2, self.labels()[:, None, None].expand(-1, 2, 1))[:, :, 0]
        return float((chance[:, 0] * right).sum(1).mean())

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of (pair, analysis so far), ``[n]``."""
        return 3 * prompt + (1 + prefix[:, 0] if prefix.shape[1] else 0)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (the verdict is right), ``/consistency`` (+1 or -1) and ``/format`` (1), ``[n]``."""
        right = (tokens[:, 1] == self.labels()[prompt]).float()
        agree = torch.where(tokens[:, 0] == tokens[:, 1], 1.0, -1.0)
        columns = {"task": right, "consistency": agree, "format": torch.ones_like(right)}
        return {f"traj.reward/{name}": values for name, values in columns.items()}

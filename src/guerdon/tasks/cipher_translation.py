"""Translation in small: words have cipher words and change places; a judge rates, or compares with an exemplar.

Idea
    A judge's rating of one text wavers from call to call; in a comparison both texts are judged in one call. What a
    policy learns from the one and from the other can be told apart where the truth is known.
Maths
    Sources are L words out of V; the target's word at place p is the cipher of the source word at place sigma(p). Quality
    q is the share of right words. Rating ``min(5, max(1, round(1 + 4 q + noise)))``, noise N(0, ``noise^2``) per call.
    Verdict ``sign(q(y) - q(e))``, but with probability ``bias`` the text shown first wins. The exemplar has each word
    right with probability ``exemplar``. Features of a place are the source's words and places; the start has weights
    ``start`` on what is right.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class CipherTranslation(TokenTask):
    """P sentences of ``depth`` words out of ``vocab``; the first half of them is for training."""

    prompts: int = 128
    """P: number of sentences, both halves together."""
    depth: int = 5
    """L: words of a sentence."""
    vocab: int = 12
    """V: words of either language."""
    start: float = 3.0
    """Weight of the initial policy on each right word, in logits."""
    exemplar: float = 0.8
    """How often a word of the exemplar is right."""
    noise: float = 1.0
    """Standard deviation of the judge's ratings."""
    bias: float = 0.2
    """How often the judge takes the text shown first, whatever it says."""
    seed: int = 0
    """Of sentences, cipher, order and exemplars."""

    def __post_init__(self) -> None:
        if self.prompts < 2 or self.depth < 1 or self.vocab < 2 or self.noise < 0:
            raise GuerdonError(f"CipherTranslation needs prompts, vocab >= 2, depth >= 1 and noise >= 0, got {self}")
        if not 0 <= self.exemplar <= 1 or not 0 <= self.bias <= 1:
            raise GuerdonError(f"CipherTranslation.exemplar and bias must lie in 0..1, got {self}")

    def size(self, split: str) -> int:
        """Half of the sentences each; test sentences are numbered from the middle."""
        return self.prompts // 2

    def _draws(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "cipher_translation")).generator()
        source = torch.randint(self.vocab, (self.prompts, self.depth), generator=generator)
        cipher, order = torch.randperm(self.vocab, generator=generator), torch.randperm(self.depth, generator=generator)
        right = torch.rand(source.shape, generator=generator) < self.exemplar
        return source, cipher, order, right

    def targets(self) -> Tensor:
        """The right words, ``[P, L]``."""
        source, cipher, order, _ = self._draws()
        return cipher[source[:, order]]

    def features(self) -> Tensor:
        """Place times source words and their places, ``[P L, L L V]``."""
        words = one_hot(self._draws()[0], self.vocab).flatten(1).float()
        return torch.einsum("pw,ab->pabw", words, torch.eye(self.depth)).reshape(self.contexts, -1)

    def initial_weights(self) -> Tensor:
        """``[L L V, V]``: ``start`` where a place looks at its source word and gives the cipher of it."""
        _, cipher, order, _ = self._draws()
        weights = torch.zeros(self.depth, self.depth, self.vocab, self.vocab)
        weights[torch.arange(self.depth), order] = self.start * one_hot(cipher, self.vocab).float()
        return weights.flatten(0, 2)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (quality), ``traj.reward/rating``, ``traj.verdict``, ``traj.swapped_verdict``, ``[n]``."""
        quality = (tokens == self.targets()[prompt]).float().mean(1)
        other = self._draws()[3][prompt].float().mean(1)
        noise = self.noise * torch.randn(quality.shape, generator=generator)
        first, second = (torch.rand(quality.shape, generator=generator) < self.bias for _ in range(2))
        verdict = torch.sign(quality - other)
        return {
            "traj.reward/task": quality,
            "traj.reward/rating": (1 + 4 * quality + noise).round().clamp(1, 5),
            "traj.verdict": torch.where(first, 1.0, verdict),
            "traj.swapped_verdict": torch.where(second, -1.0, verdict),
        }

    def accuracy(self, rows: Tensor) -> float:
        """Exact share of right words on the test sentences under logits ``[P L, V]``."""
        right = rows.softmax(-1).gather(1, self.targets().flatten()[:, None])[:, 0]
        return float(right.view(self.prompts, self.depth)[self.prompts // 2 :].mean())

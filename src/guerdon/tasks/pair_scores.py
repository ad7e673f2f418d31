"""Sequences scored by what stands where, and by one pair of tokens that only counts together: a toy for credit (SCAR).

Maths
    ``v(S) = sum_{i in S} s[p, i, y_i] + bonus 1[i*, j* in S] 1[y_i* = a, y_j* = b]``; the reward is v of all, over the best
    one. s is uniform in 0..1 and a token of the pair is worth 0 by itself.
Reads
    Nothing; ``rollouts/tabular.py`` samples it. The policy sees the position, not what it wrote.
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
class PairScores(TokenTask):
    """``depth`` tokens out of ``vocab``; a score per position and token, and one for a pair."""

    prompts: int = 1
    """P: number of prompts."""
    vocab: int = 5
    """Choices per token."""
    depth: int = 6
    """Tokens per response."""
    bonus: float = 2.0
    """What the pair adds."""
    seed: int = 0
    """Of the scores."""

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.vocab < 2 or not 2 <= self.depth <= 12 or self.bonus < 0:
            raise GuerdonError(f"PairScores needs prompts >= 1, vocab >= 2, depth in 2..12 and bonus >= 0, got {self}")

    def tables(self) -> tuple[Tensor, Tensor, Tensor]:
        """Scores ``[P, depth, vocab]``, and the positions and tokens of the pair, each ``[P, 2]``."""
        generator = Stream((self.seed, "pair_scores")).generator()
        scores = torch.rand((self.prompts, self.depth, self.vocab), generator=generator)
        places = torch.rand((self.prompts, self.depth), generator=generator).argsort(1)[:, :2]
        tokens = torch.randint(self.vocab, (self.prompts, 2), generator=generator)
        scores[torch.arange(self.prompts)[:, None], places, tokens] = 0.0
        return scores, places, tokens

    def best(self) -> Tensor:
        """The largest score, ``[P]``: with the pair or without."""
        scores, places, _ = self.tables()
        top = scores.amax(2)
        with_pair = top.scatter(1, places, 0.0).sum(1) + self.bonus
        return torch.maximum(top.sum(1), with_pair)

    def expected(self, probabilities: Tensor) -> Tensor:
        """Expected reward of independent tokens ``[P, depth, vocab]``, ``[P]``."""
        scores, places, tokens = self.tables()
        row = torch.arange(self.prompts)[:, None]
        pair = probabilities[row, places, tokens].prod(1)
        return ((probabilities * scores).sum((1, 2)) + self.bonus * pair) / self.best()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` and ``traj.partial_scores`` ``[n, 2^depth]``, both over the best score."""
        scores, places, wanted = (table[prompt] for table in self.tables())
        own = scores.gather(2, tokens[..., None])[..., 0]
        kept = torch.arange(2**self.depth)[:, None] >> torch.arange(self.depth) & 1
        pair = (tokens.gather(1, places) == wanted).all(1)
        together = kept.T[places].prod(1)
        value = own @ kept.T.to(own.dtype) + self.bonus * pair[:, None] * together
        value = value / self.best()[prompt, None]
        return {"traj.reward/task": value[:, -1], "traj.partial_scores": value}

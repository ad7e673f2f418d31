"""Sequences with two kinds of positions: many that must be one exact token, few where several tokens are fine.

Idea
    A stand-in for reasoning text, where most tokens follow from the last ones and a few decide where to go
    (baseline-toys ``fork_sequences``). Entropy methods must tell the two kinds apart.
Maths
    D positions, K choices each. A fork accepts its first ``accepted`` choices, any other position only choice 0.
    Reward 1 if every position is accepted, else 0. One table row per (prompt, position).
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
Deviations
    ``certainty`` sets how near-deterministic the plain positions of the initial policy are; forks start uniform.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class ForkSequences(TokenTask):
    """D positions of K choices; ``forks`` of them accept ``accepted`` choices, the rest one."""

    prompts: int = 8
    """P: number of prompts; each has table rows of its own."""
    positions: int = 10
    """D: tokens per response."""
    vocab: int = 8
    """K: choices per token."""
    forks: tuple[int, ...] = (3, 7)
    """Positions where several choices are fine."""
    accepted: int = 3
    """Choices that a fork accepts."""
    certainty: float = 0.97
    """Initial probability of the right choice at a plain position."""

    def __post_init__(self) -> None:
        if not all(0 <= fork < self.positions for fork in self.forks) or not 1 <= self.accepted <= self.vocab:
            raise GuerdonError(
                f"ForkSequences needs forks inside 0..{self.positions - 1} and accepted <= vocab, got {self}"
            )

    @property
    def depth(self) -> int:
        """Tokens per response."""
        return self.positions

    @property
    def contexts(self) -> int:
        """One table row per (prompt, position)."""
        return self.prompts * self.positions

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Table row: the position, whatever was chosen before. ``[n]``."""
        return prompt * self.positions + prefix.shape[1]

    def is_fork(self, context: Tensor) -> Tensor:
        """Whether table rows belong to forks, ``[n]``."""
        return torch.isin(context % self.positions, torch.tensor(self.forks))

    def initial_logits(self) -> Tensor:
        """Plain positions prefer choice 0 with ``certainty``; forks are uniform. ``[contexts, vocab]``."""
        rest = (1 - self.certainty) / max(self.vocab - 1, 1)
        plain = torch.full((self.vocab,), rest).log()
        plain[0] = torch.tensor(self.certainty).log()
        fork = self.is_fork(torch.arange(self.contexts))
        return torch.where(fork[:, None], torch.zeros(self.vocab), plain)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """1 where every position is accepted: ``tokens`` ``[n, D]`` -> ``traj.reward/task`` ``[n]``."""
        limit = torch.ones(self.positions, dtype=torch.int64)
        limit[list(self.forks)] = self.accepted
        return {"traj.reward/task": (tokens < limit).all(1).float()}

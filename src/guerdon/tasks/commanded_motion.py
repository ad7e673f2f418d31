"""A world model in small: for each command it renders a motion, and a reader tells motions from frames, not always right.

Idea
    What a policy-gradient method sees of an action-conditioned video model: a sequence of commands goes in, frames come
    out, and an imperfect inverse dynamics model reads the actions back.
Maths
    P sequences of T commands out of K; one row of logits per command (not per prompt), whose right motion starts with
    probability ``start``. The reader says the motion that is shown with probability ``reader``, else another one.
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
class CommandedMotion(TokenTask):
    """P sequences of ``depth`` commands out of ``vocab``, a motion for each, and what a reader makes of it."""

    prompts: int = 64
    """P: number of sequences of commands."""
    depth: int = 12
    """T: frames."""
    vocab: int = 4
    """K: commands, and motions."""
    start: float = 0.35
    """Initial probability of the right motion."""
    reader: float = 0.91
    """How often the inverse dynamics model is right."""
    seed: int = 0
    """Of the commands."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.depth) < 1 or self.vocab < 2:
            raise GuerdonError(f"CommandedMotion needs positive sizes and vocab >= 2, got {self}")
        if not 0 < self.start < 1 or not 0 <= self.reader <= 1:
            raise GuerdonError(f"CommandedMotion needs start in (0, 1) and reader in 0..1, got {self}")

    @property
    def contexts(self) -> int:
        """One row per command."""
        return self.vocab

    def commands(self) -> Tensor:
        """``[P, T]``."""
        generator = Stream((self.seed, "commanded_motion")).generator()
        return torch.randint(self.vocab, (self.prompts, self.depth), generator=generator)

    def initial_logits(self) -> Tensor:
        """``[K, K]``."""
        rows = torch.full((self.vocab, self.vocab), (1 - self.start) / (self.vocab - 1))
        return rows.fill_diagonal_(self.start).log()

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """The command of the next frame, ``[n]``."""
        return self.commands()[prompt, prefix.shape[1]]

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (the share of right motions) ``[n]``; ``token.commanded`` and ``token.read`` ``[n T]``."""
        commanded = self.commands()[prompt]
        wrong = torch.rand(tokens.shape, generator=generator) >= self.reader
        other = torch.randint(1, self.vocab, tokens.shape, generator=generator)
        read = torch.where(wrong, (tokens + other) % self.vocab, tokens)
        share = (tokens == commanded).float().mean(1)
        return {"traj.reward/task": share, "token.commanded": commanded.flatten(), "token.read": read.flatten()}

"""A bandit with a log: for every prompt, responses that were once drawn uniformly, with noisy ratings.

Idea
    The exact test of learning from a fixed data set of mixed quality: the true utility of every action is known, and
    imitating the log is worth no more than a uniform choice.
Maths
    Utilities u ~ U(0, 1) per (prompt, action). The log holds ``logged`` uniform actions per prompt with ratings
    ``clip(u + noise N, 0, 1)``, drawn once.
Reads
    Nothing. ``rollouts/stored.py`` plays the log, ``rollouts/tabular.py`` draws fresh actions with fresh noise.
Deviations
    None.
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
class LoggedBandit(TokenTask):
    """P prompts, V actions of utility U(0, 1), and ``logged`` rated uniform actions per prompt."""

    prompts: int = 16
    """P: number of prompts."""
    vocab: int = 32
    """V: actions."""
    logged: int = 60
    """Responses per prompt in the log."""
    noise: float = 0.2
    """Standard deviation of a rating."""
    seed: int = 0
    """Of utilities and log."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.prompts, self.vocab, self.logged) < 1 or not 0 <= self.noise < torch.inf:
            raise GuerdonError(f"LoggedBandit needs positive sizes and noise of 0 or more, got {self}")

    def rewards(self) -> Tensor:
        """True utilities, ``[P, V]``."""
        return torch.rand((self.prompts, self.vocab), generator=self._stream("utility").generator())

    def stored(self, problem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The log of problems ``[n]``: whose each response is (a row of ``problem``), tokens ``[m, 1]``, ratings."""
        generator = self._stream("log").generator()
        action = torch.randint(self.vocab, (self.prompts, self.logged), generator=generator)
        rating = self._rated(self.rewards().gather(1, action), generator)
        owner = torch.arange(len(problem)).repeat_interleave(self.logged)
        return owner, action[problem].reshape(-1, 1), rating[problem].reshape(-1)

    def _rated(self, utility: Tensor, generator: torch.Generator) -> Tensor:
        return (utility + self.noise * torch.randn(utility.shape, generator=generator)).clamp(0, 1)

    def _stream(self, name: str) -> Stream:
        return Stream((self.seed, "logged_bandit", name))

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``: a fresh rating, ``[n]``."""
        return {"traj.reward/task": self._rated(self.rewards()[prompt, tokens[:, 0]], generator)}

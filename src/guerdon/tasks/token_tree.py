"""Sequences of D tokens out of V with a table of rewards: small enough to enumerate, so exact answers exist.

Idea
    With ``depth=1`` this is the bandit of baseline-toys (one token per prompt, a few correct ones); deeper trees
    test credit over several tokens.
Maths
    Rewards ``r[p, leaf]`` are 1 on ``correct`` random leaves of each prompt and 0 elsewhere. The first ``demonstrated``
    share of the prompts has a stored response each; a random ``wrong_demonstrations`` share of those pays nothing.
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
Deviations
    None.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class TokenTree(TokenTask):
    """P prompts; a response is ``depth`` tokens out of ``vocab``; ``correct`` leaves of each prompt pay 1."""

    prompts: int = 8
    """P: number of prompts."""
    vocab: int = 4
    """V: choices per token."""
    depth: int = 1
    """D: tokens per response."""
    correct: int = 1
    """Rewarded leaves per prompt."""
    seed: int = 0
    """Of the reward table."""
    prior: float | tuple[float, ...] | None = None
    """Initial probability of each rewarded action, or one for each of them (``depth=1`` only); None starts without a
    preference."""
    demonstrated: float = 1.0
    """Share of the prompts that have a demonstration."""
    wrong_demonstrations: float = 0.0
    """Share of the demonstrations that pay nothing."""
    hard: int = 0
    """The last so many prompts are hard: their priors are ``hard_factor`` times the others'."""
    hard_factor: float = 0.1
    """How much smaller a hard prompt's priors are."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.vocab, self.depth) < 1 or self.depth * math.log2(self.vocab) > 62:
            raise GuerdonError(f"TokenTree needs positive sizes and at most 2^62 leaves, got {self}")
        if not 0 <= self.correct <= self.leaves:
            raise GuerdonError(f"TokenTree needs 0 <= correct <= {self.leaves} leaves, got {self}")
        priors = self.priors
        if priors and (self.depth > 1 or self.correct >= self.leaves or not min(priors) > 0 or not sum(priors) < 1):
            raise GuerdonError(f"TokenTree.prior needs depth 1 and positive numbers with a sum below 1, got {self}")
        if self.prior is not None and len(priors) != self.correct:
            raise GuerdonError(f"TokenTree.prior needs one number for all or for each rewarded action, got {self}")
        if not 0 <= self.demonstrated <= 1 or not 0 <= self.wrong_demonstrations <= 1:
            raise GuerdonError(f"TokenTree.demonstrated and .wrong_demonstrations must lie in 0..1, got {self}")
        if not 0 <= self.hard <= self.prompts or not 0 < self.hard_factor <= 1 or (self.hard and not priors):
            raise GuerdonError(
                f"TokenTree.hard must lie in 0..{self.prompts} and needs a prior and hard_factor in (0, 1], got {self}"
            )

    @property
    def priors(self) -> tuple[float, ...]:
        """Initial probability of every rewarded action of a prompt; empty without a preference."""
        if self.prior is None:
            return ()
        return self.prior if isinstance(self.prior, tuple) else (self.prior,) * self.correct

    @property
    def leaves(self) -> int:
        """V^D."""
        return self.vocab**self.depth

    @property
    def contexts(self) -> int:
        """Rows a tabular policy needs: one per (prompt, prefix shorter than D)."""
        return self.prompts * sum(self.vocab**level for level in range(self.depth))

    def rewarded(self) -> Tensor:
        """Rewarded leaves of each prompt, ``[prompts, correct]``."""
        return self._order()[:, : self.correct]

    def rewards(self) -> Tensor:
        """The reward table, ``[prompts, V^D]``; leaf numbers read a response as a base-V number."""
        return torch.zeros(self.prompts, self.leaves).scatter(1, self.rewarded(), 1.0)

    def _order(self) -> Tensor:
        """The leaves of each prompt in random order, the rewarded ones first, ``[prompts, V^D]``."""
        generator = Stream((self.seed, "token_tree")).generator()
        return torch.rand((self.prompts, self.leaves), generator=generator).argsort(1)

    def stored(self, problem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The demonstrations of problems ``[n]``: whose each is (a row of ``problem``), tokens ``[m, D]``, rewards."""
        count = round(self.demonstrated * self.prompts)
        generator = Stream((self.seed, "token_tree", "demonstrations")).generator()
        wrong = torch.randperm(count, generator=generator) < round(self.wrong_demonstrations * count)
        owner = (problem < count).nonzero()[:, 0]
        prompt = problem[owner]
        place = torch.where(wrong[prompt], min(self.correct, self.leaves - 1), 0)
        leaf = self._order()[prompt, place]
        powers = self.vocab ** torch.arange(self.depth - 1, -1, -1)
        return owner, leaf[:, None] // powers % self.vocab, self.rewards()[prompt, leaf]

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Table row of each (prompt, prefix): ``prompt`` ``[n]``, ``prefix`` ``[n, level]`` -> ``[n]``."""
        level = prefix.shape[1]
        before = sum(self.vocab**shorter for shorter in range(level))
        return self.prompts * before + prompt * self.vocab**level + self.leaf(prefix)

    def initial_logits(self) -> Tensor | None:
        """Rows that give the rewarded actions ``prior`` each, ``[contexts, V]``; None for uniform rows."""
        if not self.priors:
            return None
        factor = torch.ones(self.prompts, 1)
        factor[self.prompts - self.hard :] = self.hard_factor
        priors = factor * torch.tensor(self.priors)
        rest = (1 - priors.sum(1, keepdim=True)) / (self.vocab - self.correct)
        return rest.expand(-1, self.vocab).scatter(1, self.rewarded(), priors).log()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.leaf`` and its ``traj.reward/task``, ``[n]``."""
        leaf = self.leaf(tokens)
        return {"traj.leaf": leaf, "traj.reward/task": self.rewards()[prompt, leaf]}

    def leaf(self, tokens: Tensor) -> Tensor:
        """Base-V number of each row of ``[n, level]``, ``[n]``."""
        number = torch.zeros(len(tokens), dtype=torch.int64)
        for column in tokens.unbind(1):
            number = number * self.vocab + column
        return number

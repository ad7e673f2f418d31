"""A code of D actions: only the whole code succeeds, and counts of actions show how far a trajectory went along.

Idea
    Manipulation in small: success is rare at first and says nothing about how, but trajectories that resemble a
    successful one have more of it right.
Maths
    Each prompt has a random code of D actions out of K, whose actions start with probability ``certainty`` each. Reward 1
    for the code. The embedding ``[D K]`` holds, after each action, how often each kind was taken so far. One table row
    per (prompt, position).
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
class ActionCode(TokenTask):
    """P prompts, each with a code of ``depth`` actions out of ``vocab``."""

    prompts: int = 4
    """P: number of prompts."""
    depth: int = 10
    """D: actions of a trajectory."""
    vocab: int = 3
    """K: choices per action."""
    certainty: float = 0.5
    """Initial probability of each action of the code."""
    seed: int = 0
    """Of the codes."""

    def __post_init__(self) -> None:
        if min(self.prompts, self.depth) < 1 or self.vocab < 2 or not 0 < self.certainty < 1:
            raise GuerdonError(f"ActionCode needs positive sizes, vocab >= 2 and certainty in (0, 1), got {self}")

    def codes(self) -> Tensor:
        """``[P, D]``."""
        generator = Stream((self.seed, "action_code")).generator()
        return torch.randint(self.vocab, (self.prompts, self.depth), generator=generator)

    def initial_logits(self) -> Tensor:
        """``certainty`` for the code's action, the rest shared, ``[P D, K]``."""
        code = self.codes().flatten()[:, None]
        rows = torch.full((self.contexts, self.vocab), (1 - self.certainty) / (self.vocab - 1))
        return rows.scatter(1, code, self.certainty).log()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` ``[n]`` and ``traj.embedding`` ``[n, D K]``."""
        counts = torch.nn.functional.one_hot(tokens, self.vocab).cumsum(1).float()
        return {
            "traj.reward/task": (tokens == self.codes()[prompt]).all(1).float(),
            "traj.embedding": counts.flatten(1),
        }

    def success(self, rows: Tensor) -> float:
        """Exact chance of the code under logits ``[P D, K]``, averaged over the prompts."""
        chosen = rows.log_softmax(-1).gather(1, self.codes().flatten()[:, None])
        return float(chosen.view(self.prompts, self.depth).sum(1).exp().mean())

"""How long to think: each prompt needs a hidden number of thoughts, and the policy only chooses when to stop.

Idea
    Accuracy rises with length up to what the prompt needs, so length penalties can be told apart by whom they
    shorten (baseline-toys ``chainlen``).
Maths
    Prompt needs k ~ U{2..24} thoughts and shows a noisy estimate kh = k exp(0.35 N). Stop probability after n
    thoughts: sigmoid(w . [1, n/10, n/kh, -kh/10]), start w = (-4, 0.3, 0.2, 0.2). Success probability 0.95 if n >= k,
    else 0.05 + 0.3 n/k.
    With ``filler`` there are two kinds of thought: working ones, of which a prompt needs k, and nine times as likely
    filler ones, which get it nowhere.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy.
Deviations
    The stop action is a token of its own, so a trajectory of n thoughts has n + 1 actions (n at the cap).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask

THINK, STOP, FILLER = 0, 1, 2
FILLER_SHARE = 0.9
"""Share of the filler among thoughts at the start."""


@dataclass(frozen=True)
class ChainLength(TokenTask):
    """P prompts; after each thought the policy goes on or stops."""

    prompts: int = 64
    """P: number of prompts."""
    max_length: int = 60
    """Thoughts after which a response is cut."""
    longest_need: int = 24
    """k is uniform on 2..this."""
    filler: bool = False
    """Whether a third action thinks without getting anywhere."""
    seed: int = 0
    """Of the needs and their estimates."""

    @property
    def depth(self) -> int:
        """Most actions per response."""
        return self.max_length

    @property
    def contexts(self) -> int:
        """One row per (prompt, thoughts so far)."""
        return self.prompts * self.max_length

    @property
    def actions(self) -> int:
        """Think or stop, or go on without thinking."""
        return 3 if self.filler else 2

    def needs(self) -> tuple[Tensor, Tensor]:
        """Thoughts each prompt needs and the estimate it shows, each ``[P]``."""
        generator = Stream((self.seed, "chain_length")).generator()
        need = torch.randint(2, self.longest_need + 1, (self.prompts,), generator=generator).float()
        return need, need * (0.35 * torch.randn(self.prompts, generator=generator)).exp()

    def features(self) -> Tensor:
        """``[contexts, 4]``: 1, n/10, n/kh, -kh/10."""
        _, shown = self.needs()
        thoughts = torch.arange(self.max_length).float().repeat(self.prompts)
        shown = shown.repeat_interleave(self.max_length)
        return torch.stack([torch.ones_like(thoughts), thoughts / 10, thoughts / shown, -shown / 10], 1)

    def initial_weights(self) -> Tensor:
        """Weights of the stop action, ``[4, 1]``, and of the filler, ``[4, 2]``; thinking has logit 0.

        The chance to stop is the same with filler as without.
        """
        stop = torch.tensor([[-4.0], [0.3], [0.2], [0.2]])
        if not self.filler:
            return stop
        stop[0] -= math.log(1 - FILLER_SHARE)
        odds = torch.tensor([[math.log(FILLER_SHARE / (1 - FILLER_SHARE))], [0.0], [0.0], [0.0]])
        return torch.cat([stop, odds], 1)

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of (prompt, number of thoughts so far), ``[n]``."""
        return prompt * self.max_length + prefix.shape[1]

    def ends(self, tokens: Tensor) -> Tensor:
        """Stop ends a response, ``[n]``."""
        return tokens == STOP

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """Sampled success: ``traj.reward/task``, ``traj.thoughts``, ``traj.need`` and ``traj.truncated``, ``[n]``."""
        stopped = tokens.gather(1, (length - 1)[:, None])[:, 0] == STOP
        inside = torch.arange(tokens.shape[1]) < length[:, None]
        thoughts = ((tokens == THINK) & inside).sum(1).float()
        need = self.needs()[0][prompt]
        chance = torch.where(thoughts >= need, torch.full_like(need, 0.95), 0.05 + 0.3 * thoughts / need)
        success = torch.rand(len(chance), generator=generator) < chance
        return {
            "traj.reward/task": success.float(),
            "traj.thoughts": thoughts,
            "traj.need": need,
            "traj.truncated": ~stopped,
        }

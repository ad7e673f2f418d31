"""A bandit whose reward can be hacked: one action of each prompt looks far better than it is.

Idea
    A learned reward is nearly right where it was trained and absurd somewhere else. The policy seldom goes there at
    first; whether it ends there is what reward shaping decides (par).
Maths
    True rewards of the other actions are N(0, 1), and their shown rewards the same plus N(0, noise^2). The hack shows
    U(8, 12) and is worth -3; it starts with probability ``prior``. References are M shown rewards of actions drawn from
    the initial policy, once.
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
class HackableBandit(TokenTask):
    """P prompts, V actions, one of them a hack; a response is one action."""

    prompts: int = 64
    """P: number of prompts."""
    vocab: int = 16
    """V: actions per prompt, the hack (action 0) included."""
    noise: float = 0.3
    """Standard deviation of the shown rewards around the true ones."""
    prior: float = 0.01
    """Initial probability of the hack."""
    references: int = 1
    """M: reference rewards per prompt."""
    seed: int = 0
    """Of the rewards."""

    depth = 1

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.vocab < 2 or self.references < 1 or self.noise < 0 or not 0 < self.prior < 1:
            raise GuerdonError(
                "HackableBandit needs prompts >= 1, vocab >= 2, references >= 1, noise >= 0 and prior in (0, 1), "
                f"got {self}"
            )

    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "hackable")).generator()
        true = torch.randn((self.prompts, self.vocab), generator=generator)
        shown = true + self.noise * torch.randn(true.shape, generator=generator)
        true[:, 0] = -3.0
        shown[:, 0] = 8 + 4 * torch.rand(self.prompts, generator=generator)
        chosen = torch.multinomial(self.initial_logits().exp(), self.references, True, generator=generator)
        return true, shown, shown.gather(1, chosen)

    def true_rewards(self) -> Tensor:
        """What actions are worth, ``[P, V]``."""
        return self._draws()[0]

    def rewards(self) -> Tensor:
        """What actions show, ``[P, V]``."""
        return self._draws()[1]

    def initial_logits(self) -> Tensor:
        """The hack has probability ``prior``, the others share the rest, ``[P, V]``."""
        rows = torch.full((self.prompts, self.vocab), (1 - self.prior) / (self.vocab - 1))
        rows[:, 0] = self.prior
        return rows.log()

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """The shown ``traj.reward/task``, ``traj.worth`` and ``traj.reference_reward`` ``[n, M]``."""
        true, shown, references = self._draws()
        action = tokens[:, 0]
        return {
            "traj.reward/task": shown[prompt, action],
            "traj.worth": true[prompt, action],
            "traj.reference_reward": references[prompt],
        }

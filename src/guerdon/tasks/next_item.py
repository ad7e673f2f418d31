"""Which item a user takes next: users with features, and a catalogue of items that are codes of two tokens.

Idea
    A generative recommender in small. Users share parameters, so what is learned on some helps others, and more codes
    can be written than items exist.
Maths
    User features ``u ~ N(0, I/d)``; a token after prefix s has logit ``u W_s``, W* the true one. The target is the item
    of largest ``u (W*_first + W*_second)``. The start is ``3 (sqrt(start) W* + sqrt(1 - start) noise)``.
Reads
    Nothing; ``rollouts/beam_items.py`` and ``rollouts/tabular.py`` sample it with a ``Linear`` policy.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class NextItem(TokenTask):
    """Users with d features, ``catalogue`` items of two tokens; the first half of the users is for training."""

    users: int = 400
    """Users, both halves together."""
    vocab: int = 12
    """V: tokens, so V^2 codes."""
    catalogue: int = 120
    """Codes that are items."""
    width: int = 8
    """d: features of a user."""
    start: float = 0.25
    """How much of the truth the initial policy has, 0 to 1."""
    seed: int = 0
    """Of users, catalogue, truth and start."""

    depth = 2

    def __post_init__(self) -> None:
        if self.users < 2 or min(self.vocab, self.width) < 1 or not 1 <= self.catalogue <= self.vocab**2:
            raise GuerdonError(f"NextItem needs 2 users, positive sizes and catalogue <= vocab^2, got {self}")
        if not 0 <= self.start <= 1:
            raise GuerdonError(f"NextItem.start must lie in 0..1, got {self.start}")

    @property
    def contexts(self) -> int:
        """One row per user and prefix: users without, then users x V with the first token."""
        return self.users * (1 + self.vocab)

    def size(self, split: str) -> int:
        """Half of the users each; test users are numbered from the middle."""
        return self.users // 2

    def _draws(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        generator = Stream((self.seed, "next_item")).generator()
        user = torch.randn((self.users, self.width), generator=generator) / self.width**0.5
        codes = torch.randperm(self.vocab**2, generator=generator)[: self.catalogue].sort().values
        truth, noise = torch.randn((2, 1 + self.vocab, self.width, self.vocab), generator=generator)
        return user, codes, truth, noise

    def items(self) -> list[tuple[int, int]]:
        """The catalogue, ascending."""
        return [(code // self.vocab, code % self.vocab) for code in self._draws()[1].tolist()]

    def targets(self) -> Tensor:
        """The code of each user's next item as a base-V number, ``[users]``."""
        user, codes, truth, _ = self._draws()
        logits = torch.einsum("ud,sdv->usv", user, truth)
        value = (logits[:, 0, :, None] + logits[:, 1:]).flatten(1)[:, codes]
        return codes[value.argmax(1)]

    def features(self) -> Tensor:
        """The user's features in the block of the prefix, ``[contexts, (1 + V) d]``."""
        user, blocks = self._draws()[0], torch.eye(1 + self.vocab)
        rows = torch.einsum("ud,sb->usbd", user, blocks)
        return torch.cat([rows[:, 0], rows[:, 1:].flatten(0, 1)]).flatten(1)

    def initial_weights(self) -> Tensor:
        """``[(1 + V) d, V]``."""
        _, _, truth, noise = self._draws()
        return 3 * (self.start**0.5 * truth + (1 - self.start) ** 0.5 * noise).flatten(0, 1)

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of the user and the prefix, ``[n]``."""
        return prompt if prefix.shape[1] == 0 else self.users + prompt * self.vocab + prefix[:, 0]

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``: 1 for the user's next item, ``[n]``."""
        code = tokens[:, 0] * self.vocab + tokens[:, 1]
        return {"traj.reward/task": (code == self.targets()[prompt]).float()}

    def ndcg(self, policy: TabularPolicy, k: int = 10) -> float:
        """NDCG@k of the catalogue as the policy ranks it, over the test users: ``1 / log2(place + 2)`` of the target."""
        users, codes = torch.arange(self.users // 2, self.users), self._draws()[1]
        with torch.no_grad():
            first = policy.rows(users).log_softmax(-1)
            rows = self.users + users[:, None] * self.vocab + torch.arange(self.vocab)
            second = policy.rows(rows.flatten()).log_softmax(-1).view(len(users), self.vocab, self.vocab)
        score = (first[:, :, None] + second).flatten(1)
        target = score.gather(1, self.targets()[users][:, None])
        place = (score[:, codes] > target).sum(1).double()
        return float(torch.where(place < k, math.log(2) / torch.log(place + 2), 0.0).mean())

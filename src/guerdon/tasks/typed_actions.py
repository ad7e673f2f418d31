"""Actions of a kind and a parameter that follow from what is seen: all or nothing against credit for the parts.

Idea
    An action on a screen is right if its kind and its parameter are. A reward for the kind alone is a signal long before
    both are ever right.
Maths
    Features phi ~ N(0, 1/d) per state; the right kind is the largest of K in ``phi W``, the right parameter of a kind k
    the largest of K in ``phi W_k``. A response is a kind, then a parameter, which sees the kind. It earns
    ``weights[0] + 1[kind] (weights[1] + weights[2] 1[parameter])``, or with ``binary`` 1 if both are right.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy, uniform at first.
Deviations
    The test states are others than those of the training. Every response is well formed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class TypedActions(TokenTask):
    """``states`` states for training and as many for the test; ``kinds`` kinds of ``kinds`` parameters."""

    states: int = 64
    """Training states."""
    kinds: int = 8
    """K: kinds of action, and parameters of each."""
    width: int = 8
    """d: features of a state."""
    weights: tuple[float, float, float] = (0.1, 0.3, 0.6)
    """Pay for the format, the kind and the parameter."""
    binary: bool = False
    """Pay 1 for the right action and 0 else."""
    seed: int = 0
    """Of the states and what is right in them."""

    depth = 2

    def __post_init__(self) -> None:
        if min(self.states, self.kinds, self.width) < 1 or min(self.weights) < 0:
            raise GuerdonError(f"TypedActions needs positive sizes and weights of 0 or more, got {self}")

    @property
    def actions(self) -> int:
        """K."""
        return self.kinds

    @property
    def contexts(self) -> int:
        """A row per state, then one per state and kind."""
        return 2 * self.states * (1 + self.kinds)

    def size(self, split: str) -> int:
        """Number of states of each split."""
        return self.states

    @cached_property
    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``[2 states, d]``, right kind ``[2 states]``, right parameter of each kind ``[2 states, K]``."""
        generator = Stream((self.seed, "typed_actions")).generator()
        phi = torch.randn((2 * self.states, self.width), generator=generator) / self.width**0.5
        kind = (phi @ torch.randn((self.width, self.kinds), generator=generator)).argmax(1)
        by_kind = torch.randn((self.kinds, self.width, self.kinds), generator=generator)
        return phi, kind, torch.einsum("sd,kdp->skp", phi, by_kind).argmax(2)

    def features(self) -> Tensor:
        """``[contexts, d (1 + K)]``: phi in the block of the kind that was chosen, the first one before."""
        phi = self._draws[0]
        blocks = torch.eye(1 + self.kinds)
        first = torch.einsum("sd,b->sbd", phi, blocks[0]).flatten(1)
        second = torch.einsum("sd,kb->skbd", phi, blocks[1:]).flatten(0, 1).flatten(1)
        return torch.cat([first, second])

    def initial_weights(self) -> Tensor:
        """``[d (1 + K), K]``."""
        return torch.zeros(self.width * (1 + self.kinds), self.kinds)

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of the state, or of the state and its kind, ``[n]``."""
        return 2 * self.states + prompt * self.kinds + prefix[:, 0] if prefix.shape[1] else prompt

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, ``[n]``."""
        _, kind, parameter = self._draws
        right = kind[prompt]
        same = (tokens[:, 0] == right).float()
        whole = same * (tokens[:, 1] == parameter[prompt, right]).float()
        form, typed, full = self.weights
        return {"traj.reward/task": whole if self.binary else form + typed * same + full * whole}

    def accuracy(self, logits: Tensor) -> float:
        """Exact chance of the right action in the test states under rows ``[contexts, K]``."""
        _, kind, parameter = self._draws
        state = torch.arange(self.states, 2 * self.states)
        right = kind[state]
        first = logits.softmax(-1)[state, right]
        second = logits.softmax(-1)[self.context(state, right[:, None]), parameter[state, right]]
        return float((first * second).mean())

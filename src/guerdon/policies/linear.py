"""A softmax policy that is linear in the features of a context: the smallest one in which prompts share parameters.

Maths
    ``log pi(a | c) = (phi(c) W)_a - logsumexp``. If the task's weights have one column less than there are
    actions, the first action's logit is 0 (logistic regression for two actions).
Reads
    ``action.context`` and ``action.id`` [action], int64.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.errors import GuerdonError
from guerdon.piece import Policy, PolicySpec
from guerdon.policies.tabular import PROVIDES, TabularPolicy
from guerdon.rng import Stream


class LinearPolicy(TabularPolicy):
    """Weights ``[features, actions]`` (or one action less) over fixed features ``[contexts, features]``."""

    def __init__(self, features: Tensor, weights: Tensor, actions: int) -> None:
        Policy.__init__(self)
        self.features: Tensor
        self.register_buffer("features", features, persistent=False)
        self.weights = nn.Parameter(weights.clone())
        self.anchored = weights.shape[1] == actions - 1
        self.values = None
        self.provides = PROVIDES - {"action.value"}

    def rows(self, context: Tensor) -> Tensor:
        """Logits of contexts ``[n]``, ``[n, actions]``."""
        logits = self.features[context] @ self.weights
        return torch.cat([logits.new_zeros(len(logits), 1), logits], 1) if self.anchored else logits


@dataclass(frozen=True)
class Linear(PolicySpec):
    """Linear in ``task.features()``, starting from ``task.initial_weights()``."""

    provides = PROVIDES - {"action.value"}

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> LinearPolicy:
        """The policy of a task that has features.

        Raises:
            GuerdonError: if the task has none.
        """
        if not hasattr(task, "features"):
            raise GuerdonError(
                f"Linear needs a task with features, such as ChainLength or SharedFeatures, got {type(task).__name__}"
            )
        return LinearPolicy(task.features(), task.initial_weights(), task.actions)

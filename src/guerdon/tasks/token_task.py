"""What a small token task offers: responses of a few tokens whose contexts can be numbered, so that a table is a policy.

Idea
    ``rollouts/tabular.py`` samples it and ``Tabular`` or ``Linear`` policies act in it. The defaults are those of tasks
    in which a context is the prompt and the place in the response; one with one-token responses has ``depth = 1``.
Reads
    Nothing.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from guerdon.base import TaskSpec

if TYPE_CHECKING:
    from guerdon.batch import Column


class TokenTask(TaskSpec):
    """Prompts numbered from 0; at most ``depth`` tokens out of ``actions`` each; one row of logits per context."""

    depth: Any
    """Most tokens of a response."""
    prompts: Any
    """Number of prompts; what ``contexts`` and ``size`` count by default."""
    vocab: Any
    """Number of tokens, by default."""

    if TYPE_CHECKING:  # a task may give these as a field, a constant or a property of its own
        contexts: Any
        actions: Any
    else:

        @property
        def contexts(self) -> int:
            """Rows that a table needs: by default one per prompt and place."""
            return self.prompts * self.depth

        @property
        def actions(self) -> int:
            """Choices per context: by default ``vocab``."""
            return self.vocab

    def size(self, split: str) -> int:
        """Number of problems: by default all prompts."""
        return self.prompts

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of each (prompt ``[n]``, tokens so far ``[n, place]``), ``[n]``: by default that of prompt and place."""
        return prompt * self.depth + prefix.shape[1]

    def ends(self, tokens: Tensor) -> Tensor:
        """Whether each token ends its response early, ``[n]``: by default none does."""
        return torch.zeros_like(tokens, dtype=torch.bool)

    @abstractmethod
    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> "Mapping[str, Column]":
        """What became of responses: ``traj.reward/task`` and whatever else the task tells, ``[n]``."""

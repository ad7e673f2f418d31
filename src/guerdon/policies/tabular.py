"""A softmax policy with one row of logits per context, for problems small enough to enumerate.

Maths
    ``log pi(a | c) = theta[c, a] - logsumexp theta[c, :]``; with a critic, ``V(c)`` is a table too.
Reads
    ``action.context`` and ``action.id`` [action], int64.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.piece import Policy, PolicySpec
from guerdon.rng import Stream

PROVIDES = frozenset({"action.logprob", "action.entropy", "action.mean_logprob", "action.value"})


class TabularPolicy(Policy):
    """Logits ``[contexts, actions]`` and, if wanted, values ``[contexts]``."""

    unit = "action"

    def __init__(self, logits: Tensor, critic: bool) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)
        self.values = nn.Parameter(logits.new_zeros(len(logits))) if critic else None
        self.provides = PROVIDES if critic else PROVIDES - {"action.value"}

    def rows(self, context: Tensor) -> Tensor:
        """Logits of contexts ``[n]``, ``[n, actions]``."""
        return self.logits[context]

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """Log-prob, entropy, mean log-prob over all actions, and value of the rows."""
        context = batch["action.context"]
        logprobs = self.rows(context).log_softmax(-1)
        out = {}
        if "action.logprob" in wants:
            out["action.logprob"] = logprobs.gather(1, batch["action.id"][:, None])[:, 0]
        if "action.entropy" in wants:
            out["action.entropy"] = -(logprobs.exp() * logprobs).sum(-1)
        if "action.mean_logprob" in wants:
            out["action.mean_logprob"] = logprobs.mean(-1)
        if "action.value" in wants and self.values is not None:
            out["action.value"] = self.values[context]
        return out


@dataclass(frozen=True)
class Tabular(PolicySpec):
    """One row of logits per context of the task (``task.contexts`` x ``task.actions``)."""

    init_std: float = 0.0
    """Standard deviation of Gaussian noise on the initial logits; these are the task's, or uniform."""

    provides = PROVIDES

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> TabularPolicy:
        """A policy with Gaussian logits; the value table exists only if ``action.value`` is wanted."""
        logits = self.init_std * torch.randn((task.contexts, task.actions), generator=stream.generator())
        start = getattr(task, "initial_logits", lambda: None)()
        return TabularPolicy(logits if start is None else start + logits, critic="action.value" in wants)

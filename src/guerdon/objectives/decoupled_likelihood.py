"""Right responses are drawn up among themselves, wrong ones pushed down through a log-sum-exp (drpo).

Idea
    A length preference only reweights the right responses against each other, so a right but long one is never pushed
    below zero, as an advantage would.
Maths
    ``s_i = (1/T_i) sum_t log pi``; ``w_i = softmax over the right of (1 - T_i/L) / length_temperature``;
    ``l_q = -sum_right w_i s_i + tau log sum_wrong exp(s_j / tau)``; 0 for a question without both classes. Slopes in s:
    ``-w_i`` on the right, ``softmax(s/tau)`` on the wrong.
Reads
    ``action.logprob``, ``correct`` (an outcome, right above 0.5), the number of actions.
Deviations
    The released code has this gradient, while its printed log term is always 1; here the value is the objective's.
    Questions without both classes count in the mean. Responses without actions take no part.
"""

import math
from dataclasses import dataclass

import torch

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import RowLoss, Term
from guerdon.shaping._outcome import lengths, right


@dataclass(frozen=True)
class DecoupledLikelihood(Term):
    """``-sum_right w_i s_i + tau log sum_wrong exp(s_j / tau)`` per group, s the mean log-prob of a response."""

    max_length: int
    """L: the generation budget, in actions."""
    length_temperature: float = 0.1
    """How sharply short right responses are preferred; inf: not at all (DisCO)."""
    tau: float = 10.0
    """Temperature of the log-sum-exp over wrong responses."""
    correct: str = "traj.reward/correct"
    """The outcome."""

    unit = "group"
    needs_peers = True

    def __post_init__(self) -> None:
        if not self.length_temperature > 0 or not 0 < self.tau < math.inf or self.max_length < 1:
            raise GuerdonError(f"DecoupledLikelihood needs positive max_length, length_temperature and tau, got {self}")

    @property
    def reads(self) -> tuple[str, ...]:
        """Log-probs and the outcome."""
        return ("action.logprob", self.correct)

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[group]``; metric ``both_classes``, the share of groups that teach."""
        rows, count = batch.index("action", "traj"), batch.size("traj")
        index, size = batch.index("traj", "group"), batch.size("group")
        mean = segment.mean(batch["action.logprob"], rows, count, trained(batch))
        some = segment.count(rows, count, trained(batch)) > 0
        good = right(batch, self.correct) & some
        bad = batch[self.correct].isfinite() & ~right(batch, self.correct) & some
        preference = (1 - lengths(batch).to(mean.dtype) / self.max_length) / self.length_temperature
        drawn = segment.sum(segment.softmax(preference, index, size, good) * mean, index, size)
        pushed = self.tau * segment.logsumexp(mean / self.tau, index, size, bad)
        both = (segment.count(index, size, good) > 0) & (segment.count(index, size, bad) > 0)
        # The select comes before the difference: an empty class is -inf, and its zero gradient would become NaN.
        pushed = torch.where(both, pushed, torch.zeros_like(pushed))
        loss = pushed - torch.where(both, drawn, torch.zeros_like(drawn))
        return RowLoss("group", loss, {"both_classes": both.float()})

"""Exact values of a finite Markov decision process: what learned values and policies are held against.

Maths
    ``Q(s, a) = r(s, a) + gamma sum_s' P(s' | s, a) V(s')``, with V the maximum of Q (``optimal_q``), its mean under
    a policy (``policy_q``), or its expectile under the data's actions (``expectile_q``, the fixed point of IQL).
    Terminal states are rows of P that are 0: nothing follows them.
Deviations
    None; float64, iterated to the tolerance.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

TOLERANCE = 1e-12
ROUNDS = 100_000


@dataclass(frozen=True, eq=False)
class FiniteMDP:
    """``S`` states and ``A`` actions, small enough for tables."""

    transition: Tensor
    """P(s' | s, a), ``[S, A, S]``; rows that sum to less than 1 terminate with the rest of the probability."""
    reward: Tensor
    """Expected reward, ``[S, A]``."""
    discount: float
    """gamma."""

    def backup(self, value: Tensor) -> Tensor:
        """``r + gamma P V``, ``[S, A]``."""
        return self.reward.double() + self.discount * self.transition.double() @ value

    def fixed_point(self, state_value: Callable[[Tensor], Tensor]) -> Tensor:
        """Q ``[S, A]`` such that ``Q = backup(state_value(Q))``; ``state_value`` must be a non-expansion."""
        q = torch.zeros(self.reward.shape, dtype=torch.float64)
        for _ in range(ROUNDS):
            new = self.backup(state_value(q))
            if float((new - q).abs().max()) < TOLERANCE:
                return new
            q = new
        return q

    def optimal_q(self) -> Tensor:
        """Q of the best policy, ``[S, A]``."""
        return self.fixed_point(lambda q: q.amax(1))

    def policy_q(self, policy: Tensor) -> Tensor:
        """Q of a policy given as probabilities ``[S, A]``."""
        return self.fixed_point(lambda q: (policy.double() * q).sum(1))

    def policy_value(self, policy: Tensor) -> Tensor:
        """V of a policy given as probabilities ``[S, A]``, ``[S]``."""
        return (policy.double() * self.policy_q(policy)).sum(1)

    def expectile_q(self, behavior: Tensor, tau: float) -> Tensor:
        """Q whose state value is the tau-expectile over ``behavior`` ``[S, A]``; 1/2 is ``policy_q``."""
        return self.fixed_point(lambda q: expectile(q, behavior, tau))


def expectile(values: Tensor, weights: Tensor, tau: float) -> Tensor:
    """The tau-expectile of each row: ``values`` and ``weights`` ``[n, k]`` -> ``[n]``; 0 for rows without weight.

    The minimiser of ``sum_k w_k |tau - 1[x_k < m]| (x_k - m)^2`` is a weighted mean whose weights depend on which
    values lie below it; starting at the mean, that reaches the answer in finitely many rounds.
    """
    values, weights = values.double(), weights.double()
    total = weights.sum(1, keepdim=True)
    mean = (weights * values).sum(1, keepdim=True) / total.clamp(min=TOLERANCE)
    while True:
        side = torch.where(values < mean, values.new_tensor(1 - tau), values.new_tensor(tau)) * weights
        new = (side * values).sum(1, keepdim=True) / side.sum(1, keepdim=True).clamp(min=TOLERANCE)
        if float((new - mean).abs().max()) <= TOLERANCE * max(1.0, float(values.abs().max())):
            return new[:, 0]
        mean = new

"""The forward-backward representation of a finite process, exact: the best policy for every reward, prepared (rlzero).

Idea
    Learn once where every policy goes; a reward, or a set of states to visit, then gives its policy by a mean.
Maths
    ``M(s, a, s') = sum_{t >= 0} gamma^t P(s_{t+1} = s' | s, a, pi_z) = F(s, a, z) . B(s') rho(s')`` with
    ``B(s') = e_{s'} / rho(s')`` and ``F = M``; ``pi_z = argmax_a F(s, a, z) . z``, a fixed point found by policy iteration.
    For a reward r on the states that are entered ``z = E_rho[r B]``; for states to be visited ``z = mean B(s_t)``, which
    is r = their share / rho. ``F . z`` is then Q* of that reward. ``sqrt(d) z / |z|`` has the same policy.
Reads
    A transition table and the shares of states in the data.
Deviations
    Tables in float64, d = number of states; the method learns both with networks of some 32 to 512 features.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP

TOLERANCE = 1e-9


def normalized(z: Tensor) -> Tensor:
    """``sqrt(d) z / |z|``.

    Raises:
        GuerdonError: if z is 0, as where embeddings cancel.
    """
    length = float(z.norm())
    if not length > 0:
        raise GuerdonError(f"z must not be 0 to be normalized, got length {length}; the embeddings cancel")
    return z * (z.numel() ** 0.5 / length)


@dataclass(frozen=True, eq=False)
class ForwardBackward:
    """S states and A actions; F and B are tables."""

    transition: Tensor
    """P(s' | s, a), ``[S, A, S]``; rows that sum to less than 1 terminate with the rest."""
    data: Tensor
    """rho: share of each state in the data, ``[S]``, greater than 0."""
    discount: float
    """gamma."""

    def __post_init__(self) -> None:
        if not bool((self.data > 0).all()) or not 0 <= self.discount < 1:
            raise GuerdonError(
                "ForwardBackward needs a positive share of every state and a discount in [0, 1), "
                f"got a smallest share of {float(self.data.min())} and {self.discount}"
            )

    @property
    def backward(self) -> Tensor:
        """B, ``[S, S]``: row s is B(s)."""
        return torch.diag(1 / self.data.double())

    def from_reward(self, reward: Tensor) -> Tensor:
        """``z = E_rho[r B]`` of a reward ``[S]``."""
        return (self.data.double() * reward.double()) @ self.backward

    def from_states(self, states: Tensor) -> Tensor:
        """``z = mean_t B(s_t)`` of states ``[T]``; one state is goal reaching.

        Raises:
            GuerdonError: if there is none.
        """
        if not len(states):
            raise GuerdonError("a policy from states needs at least one state, got none")
        return self.backward[states].mean(0)

    def forward(self, policy: Tensor) -> Tensor:
        """F of a deterministic policy ``[S]``, ``[S, A, S]``."""
        table = self.transition.double()
        step = table[torch.arange(len(policy)), policy]
        return table @ torch.linalg.inv(torch.eye(len(policy), dtype=torch.float64) - self.discount * step)

    def solve(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The policy ``pi_z`` ``[S]`` and ``F(s, a, z) . z``, ``[S, A]``."""
        policy = torch.zeros(len(self.data), dtype=torch.int64)
        while True:
            q = self.forward(policy) @ z
            best, own = q.max(1), q.gather(1, policy[:, None])[:, 0]
            # Actions that are as good stay, or ties would go round forever.
            better = best.values > own + TOLERANCE * (1 + own.abs())
            if not bool(better.any()):
                return policy, q
            policy = torch.where(better, best.indices, policy)

    def induced(self, states: Tensor) -> FiniteMDP:
        """The problem that ``from_states`` solves: a reward of share / rho on the state that is entered."""
        share = torch.bincount(states, minlength=len(self.data)).double() / max(len(states), 1)
        return FiniteMDP(self.transition, self.transition.double() @ (share / self.data.double()), self.discount)

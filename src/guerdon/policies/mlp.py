"""Small networks for environments: an actor over choices or real vectors, and a critic of its own.

Idea
    The policy of PPO on classic control: two separate multi-layer perceptrons, orthogonal weights, a nearly
    uniform first policy.
Maths
    Weights are orthogonal with gain sqrt 2 inside, 0.01 at the actor's head and 1 at the critic's; biases 0.
    Real actions: ``N(mu(s), diag exp(log_std)^2)`` with one learned ``log_std`` per entry for all states.
Reads
    ``step.observation`` [step, features] and ``step.action``: [step] int64 choices, or [step, size] real vectors.
Deviations
    None from CleanRL's ``ppo.py`` and ``ppo_continuous_action.py``, whose observation and reward scaling are
    wrappers and no part of the network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Policy, PolicySpec
from guerdon.policies.distributions import Categorical, DiagonalGaussian, Distribution
from guerdon.policies.perceptron import Activation, perceptron
from guerdon.rng import Stream
from guerdon.tasks.environment import ActionSpace


class Actor(nn.Module):
    """Observation -> distribution over actions."""

    def __init__(
        self, observation_size: int, space: ActionSpace, hidden: Sequence[int], activation: Activation, stream: Stream
    ) -> None:
        super().__init__()
        outputs = space.choices if space.choices is not None else space.size
        self.network = perceptron([observation_size, *hidden, outputs], activation, 0.01, stream)
        self.log_std = None if space.choices is not None else nn.Parameter(torch.zeros(space.size))

    def forward(self, observation: Tensor) -> Distribution:
        """The distribution in each state of ``[n, features]``."""
        outputs = self.network(observation)
        return Categorical(outputs) if self.log_std is None else DiagonalGaussian(outputs, self.log_std)

    def act(self, observation: Tensor, generator: torch.Generator, greedy: bool) -> tuple[Tensor, Tensor]:
        """Actions and their log-probabilities ``[n]``, without gradient."""
        with torch.no_grad():
            distribution = self(observation)
            action = distribution.mode() if greedy else distribution.sample(generator)
            return action, distribution.logprob(action)


class MLPPolicy(Policy):
    """Actor and, if wanted, critic."""

    unit = "action"

    def __init__(self, actor: Actor, critic: nn.Module | None) -> None:
        super().__init__()
        self.actor = actor
        self.critic = critic
        values = {"action.value"} if critic is not None else set()
        self.provides = frozenset({"action.logprob", "action.entropy"} | values)

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """``action.logprob``, ``action.entropy`` and ``action.value`` of the rows, each ``[step]``."""
        observation, out = batch["step.observation"], {}
        if wants & {"action.logprob", "action.entropy"}:
            distribution = self.actor(observation)
            if "action.logprob" in wants:
                out["action.logprob"] = distribution.logprob(batch["step.action"])
            if "action.entropy" in wants:
                out["action.entropy"] = distribution.entropy()
        if "action.value" in wants and self.critic is not None:
            out["action.value"] = self.critic(observation)[:, 0]
        return out

    def act(self, observation: Tensor, generator: torch.Generator, greedy: bool = False) -> tuple[Tensor, Tensor]:
        """Actions ``[n]`` or ``[n, size]`` and their log-probabilities ``[n]``; ``greedy`` takes the mode."""
        return self.actor.act(observation, generator, greedy)

    def value(self, observation: Tensor) -> Tensor:
        """State values ``[n]`` for bootstrapping, without gradient; 0 without a critic."""
        if self.critic is None:
            return observation.new_zeros(len(observation))
        with torch.no_grad():
            return self.critic(observation)[:, 0]


@dataclass(frozen=True)
class MLP(PolicySpec):
    """Separate actor and critic, ``features -> hidden -> actions`` and ``features -> hidden -> 1``."""

    hidden: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers, of the actor and of the critic; () makes both linear."""
    activation: Activation = "tanh"
    """Between layers."""

    provides = frozenset({"action.logprob", "action.entropy", "action.value"})

    def __post_init__(self) -> None:
        check_widths("MLP", self.hidden)

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> MLPPolicy:
        """A policy for a task with ``observation_size`` and ``action_space``; the critic only if it is read."""
        size, space = task.observation_size, task.action_space
        actor = Actor(size, space, self.hidden, self.activation, stream.child("actor"))
        critic = None
        if "action.value" in wants:
            critic = perceptron([size, *self.hidden, 1], self.activation, 1.0, stream.child("critic"))
        return MLPPolicy(actor, critic)


def check_widths(name: str, hidden: tuple[int, ...]) -> None:
    """Refuse layers without units.

    Raises:
        GuerdonError: naming the policy.
    """
    if any(width < 1 for width in hidden):
        raise GuerdonError(f"{name}.hidden must be positive widths, got {hidden}")

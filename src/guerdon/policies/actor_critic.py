"""An agent with an actor, a state value, several action values and slowly moving copies of those.

Idea
    What off-policy and offline methods are composed of. A network that no piece reads is not made, so the same
    agent is a cloned actor, a value-based learner or the whole of IQL.
Maths
    ``q_j(s, a)`` for j = 1..critics; targets ``q'_j <- q'_j + rate (q_j - q'_j)`` after every optimiser step;
    ``target_q = min_j q'_j(s, a)``; ``next_value = V(s')``. Neither of the last two has a gradient.
    For choices also every alternative: ``choice_q`` and ``choice_logprob``, and without a gradient
    ``next_policy_q = sum_a' pi(a' | s') min_j q'_j(s', a')``.
Reads
    ``step.observation``, ``step.action`` as ``policies/mlp.py``; ``step.next_observation`` for ``next_value``.
Deviations
    Orthogonal weights throughout, where CORL takes torch's default for IQL. For choices a critic has one output per
    alternative, for real vectors it reads state and action.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Policy, PolicySpec
from guerdon.policies.mlp import Actor, check_widths
from guerdon.policies.perceptron import Activation, perceptron
from guerdon.rng import Stream
from guerdon.tasks.environment import ActionSpace

CHOICES = frozenset({"action.choice_q", "action.choice_logprob", "action.next_policy_q"})
"""Columns over all alternatives: only where actions are choices."""


class Critics(nn.Module):
    """Independent action values ``q_j(s, a)``."""

    def __init__(
        self,
        observation_size: int,
        space: ActionSpace,
        hidden: Sequence[int],
        activation: Activation,
        streams: list[Stream],
    ) -> None:
        super().__init__()
        self.has_choices = space.choices is not None
        first, last = (observation_size, space.choices) if space.choices else (observation_size + space.size, 1)
        self.heads = nn.ModuleList(perceptron([first, *hidden, last], activation, 1.0, stream) for stream in streams)

    def forward(self, observation: Tensor, action: Tensor) -> Tensor:
        """``[n, critics]`` for the actions ``[n]`` or ``[n, size]``."""
        if self.has_choices:
            return torch.cat([head(observation).gather(1, action[:, None]) for head in self.heads], 1)
        both = torch.cat([observation, action], 1)
        return torch.cat([head(both) for head in self.heads], 1)

    def choices(self, observation: Tensor) -> Tensor:
        """``[n, critics, choices]``, where there are choices."""
        return torch.stack([head(observation) for head in self.heads], 1)


class ActorCriticPolicy(Policy):
    """Actor; value and critics where they are wanted."""

    unit = "action"

    def __init__(self, actor: Actor, critic: nn.Module | None, critics: Critics | None, target_rate: float) -> None:
        super().__init__()
        self.actor, self.critic, self.critics, self.target_rate = actor, critic, critics, target_rate
        self.targets = None if critics is None else copy.deepcopy(critics).requires_grad_(False)
        values = {"action.value", "action.next_value"} if critic is not None else set()
        action_values = {"action.q", "action.target_q"} if critics is not None else set()
        if critics is not None and critics.has_choices:
            action_values |= CHOICES
        self.provides = frozenset({"action.logprob", "action.entropy"} | values | action_values)

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """The wanted columns, ``[step]`` each but ``action.q``, which is ``[step, critics]``."""
        observation, action, out = batch["step.observation"], batch["step.action"], {}
        if wants & {"action.logprob", "action.entropy"}:
            distribution = self.actor(observation)
            if "action.logprob" in wants:
                out["action.logprob"] = distribution.logprob(action)
            if "action.entropy" in wants:
                out["action.entropy"] = distribution.entropy()
        if "action.value" in wants and self.critic is not None:
            out["action.value"] = self.critic(observation)[:, 0]
        if "action.q" in wants and self.critics is not None:
            out["action.q"] = self.critics(observation, action)
        if wants & CHOICES:
            out |= self._choices(batch, wants)
        with torch.no_grad():
            if "action.next_value" in wants:
                out["action.next_value"] = self.value(batch["step.next_observation"])
            if "action.target_q" in wants and self.targets is not None:
                out["action.target_q"] = self.targets(observation, action).amin(1)
        return out

    def _choices(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """The wanted columns over all alternatives."""
        assert self.critics is not None and self.targets is not None
        observation, out = batch["step.observation"], {}
        if "action.choice_q" in wants:
            out["action.choice_q"] = self.critics.choices(observation)
        if "action.choice_logprob" in wants:
            out["action.choice_logprob"] = self.actor.network(observation).log_softmax(1)
        if "action.next_policy_q" in wants:
            with torch.no_grad():
                there = batch["step.next_observation"]
                prob = self.actor.network(there).softmax(1)
                out["action.next_policy_q"] = (prob * self.targets.choices(there).amin(1)).sum(1)
        return out

    def act(self, observation: Tensor, generator: torch.Generator, greedy: bool = False) -> tuple[Tensor, Tensor]:
        """Actions ``[n]`` or ``[n, size]`` and their log-probabilities ``[n]``; ``greedy`` takes the mode."""
        return self.actor.act(observation, generator, greedy)

    def value(self, observation: Tensor) -> Tensor:
        """State values ``[n]``, without gradient; 0 without a value network."""
        if self.critic is None:
            return observation.new_zeros(len(observation))
        with torch.no_grad():
            return self.critic(observation)[:, 0]

    def after_update(self) -> None:
        """Move the target critics."""
        if self.targets is None or self.critics is None:
            return
        with torch.no_grad():
            for slow, fast in zip(self.targets.parameters(), self.critics.parameters(), strict=True):
                slow.lerp_(fast, self.target_rate)


@dataclass(frozen=True)
class ActorCritic(PolicySpec):
    """Actor, value V(s), critics q_j(s, a) and their targets, all ``features -> hidden -> outputs``."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of every network; () makes all linear (tables, on one-hot observations)."""
    activation: Activation = "relu"
    """Between layers."""
    critics: int = 2
    """Number of independent action values; targets take their minimum."""
    target_rate: float = 0.005
    """How far the targets move per optimiser step; 1 copies the critics."""

    provides = CHOICES | frozenset(
        {"action.logprob", "action.entropy", "action.value", "action.next_value", "action.q", "action.target_q"}
    )

    def __post_init__(self) -> None:
        check_widths("ActorCritic", self.hidden)
        if self.critics < 1 or not 0 < self.target_rate <= 1:
            raise GuerdonError(f"ActorCritic needs critics >= 1 and target_rate in (0, 1], got {self}")

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> ActorCriticPolicy:
        """An agent for a task with ``observation_size`` and ``action_space``; networks nobody reads are not made."""
        size, space = task.observation_size, task.action_space
        value, critics = None, None
        if wants & {"action.value", "action.next_value"}:
            value = perceptron([size, *self.hidden, 1], self.activation, 1.0, stream.child("value"))
        if wants & ({"action.q", "action.target_q"} | CHOICES):
            streams = [stream.child("critic", number) for number in range(self.critics)]
            critics = Critics(size, space, self.hidden, self.activation, streams)
        actor = Actor(size, space, self.hidden, self.activation, stream.child("actor"))
        return ActorCriticPolicy(actor, value, critics, self.target_rate)

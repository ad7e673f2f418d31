"""GFlowNet policies: a forward policy over actions, a backward policy over parents, and log Z.

Idea
    The forward policy constructs objects, the backward policy says how likely each way back is; together with the
    total flow Z they are compared with the reward (``objectives/trajectory_balance.py``).
Maths
    log P_F(a | s) = log softmax over allowed actions;  log P_B(a | s') = log softmax over actions into s' (learned),
    or -log(number of parents) (uniform);  log Z(c) is one parameter per start state c with a larger learning rate.
Reads
    ``action.observation``, ``action.action``, ``action.next_observation``, ``action.terminated``, ``group.problem_id``.
Deviations
    None. Exits have no way back: their ``backward_logprob`` is 0.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Policy, PolicySpec
from guerdon.policies.perceptron import perceptron
from guerdon.rng import Stream


class Table(nn.Module):
    """One row of logits ``[states, actions]`` per state, by default 0 (uniform over what is allowed)."""

    def __init__(self, task: Any, logits: Tensor | None = None) -> None:
        super().__init__()
        self.task = task
        self.logits = nn.Parameter(torch.zeros(task.points, task.actions) if logits is None else logits)

    def forward(self, state: Tensor) -> Tensor:
        """``[n, D] -> [n, actions]``."""
        return self.logits[self.task.number(state)]


class Encoded(nn.Module):
    """A multi-layer perceptron on ``task.encode(state)``; its logits are 0 at first."""

    def __init__(self, task: Any, hidden: tuple[int, ...], stream: Stream) -> None:
        super().__init__()
        self.task = task
        self.layers = perceptron([task.width, *hidden, task.actions], "relu", 0.0, stream)

    def forward(self, state: Tensor) -> Tensor:
        """``[n, D] -> [n, actions]``."""
        return self.layers(self.task.encode(state).to(self.layers[0].weight))


class FlowPolicy(Policy):
    """P_F, P_B and log Z of a construction task."""

    unit = "action"
    provides = frozenset({"action.logprob", "action.backward_logprob", "group.log_z"})

    def __init__(
        self, task: Any, onward: nn.Module, back: nn.Module | None, log_z: Tensor, log_z_lr_scale: float
    ) -> None:
        super().__init__()
        self.task, self.onward, self.back = task, onward, back
        self.log_z = nn.Parameter(log_z)
        self.log_z_lr_scale = log_z_lr_scale

    def forward_logprobs(self, state: Tensor) -> Tensor:
        """log P_F of every action, ``[n, actions]``; forbidden ones are ``-inf``.

        Raises:
            GuerdonError: if a state allows no action at all.
        """
        allowed = self.task.allowed(state)
        if not bool(allowed.any(1).all()):
            stuck = state[~allowed.any(1)][0].tolist()
            raise GuerdonError(f"every state must allow an action, got none in state {stuck}; allow the exit there")
        return self.onward(state).masked_fill(~allowed, -torch.inf).log_softmax(1)

    def backward_logprobs(self, state: Tensor) -> Tensor:
        """log P_B of every action into each state (none may be a start state), ``[n, actions]``."""
        parents = self.task.parents(state)
        logits = parents.new_zeros(parents.shape, dtype=self.log_z.dtype) if self.back is None else self.back(state)
        return logits.masked_fill(~parents, -torch.inf).log_softmax(1)

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """``action.logprob``, ``action.backward_logprob`` (0 for exits) and ``group.log_z``."""
        out, action = {}, batch["action.action"]
        if "action.logprob" in wants:
            out["action.logprob"] = pick(self.forward_logprobs(batch["action.observation"]), action)
        if "action.backward_logprob" in wants:
            # A start state has no parents, so its log-softmax is NaN: exits are left out, not masked.
            moved = (~batch["action.terminated"]).nonzero().squeeze(1)
            rows = pick(self.backward_logprobs(batch["action.next_observation"][moved]), action[moved])
            out["action.backward_logprob"] = rows.new_zeros(len(action)).index_copy(0, moved, rows)
        if "group.log_z" in wants:
            out["group.log_z"] = self.log_z[batch["group.problem_id"]]
        return out

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The networks, and log Z with its own learning rate."""
        networks = [*self.onward.parameters(), *(self.back.parameters() if self.back is not None else ())]
        return [
            {"params": networks, "lr_scale": 1.0},
            {"params": [self.log_z], "lr_scale": self.log_z_lr_scale},
        ]


def pick(rows: Tensor, action: Tensor) -> Tensor:
    """The entry of each row's action, ``[n]``."""
    return rows.gather(1, action[:, None])[:, 0]


@dataclass(frozen=True)
class Flow(PolicySpec):
    """Forward policy, backward policy and log Z for a construction task (HyperGrid and its kin)."""

    hidden: tuple[int, ...] = ()
    """Widths of the hidden layers; none: one row of logits per state (tabular)."""
    learned_backward: bool = False
    """Whether P_B is trained too; otherwise it is uniform over parents."""
    init_log_z: float = 0.0
    """log Z at the start."""
    log_z_lr_scale: float = 100.0
    """Learning rate of log Z relative to the networks' (1e-1 against 1e-3 is usual)."""

    provides = frozenset({"action.logprob", "action.backward_logprob", "group.log_z"})

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> FlowPolicy:
        """A policy that starts uniform over the allowed actions."""

        def network(name: str) -> nn.Module:
            return Encoded(task, self.hidden, stream.child(name)) if self.hidden else Table(task)

        log_z = torch.full((task.size("train"),), self.init_log_z)
        back = network("backward") if self.learned_backward else None
        return FlowPolicy(task, network("forward"), back, log_z, self.log_z_lr_scale)

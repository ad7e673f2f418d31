"""The graph of visited states and an embedding of it: subgoal distances that go round walls (G4RL).

Idea
    Two states are near if one was often reached right after the other, however far apart their features are.
Maths
    A state farther than ``apart`` from all nodes is a new node, any other is its nearest node; an edge gains 1 for every
    transition along it. ``L = sum_{u, v} (g_u . g_v - A_uv / max A)^2``; nearness of two nodes is ``g_u . g_v``.
Reads
    Features of the states of a trajectory, in order.
Deviations
    Second hand, from notes on the proposal. A full graph replaces its least connected node. Codes are a table, trained
    by gradient descent on all pairs, where the paper has an encoder.
"""

import torch
from torch import Tensor

from guerdon.errors import GuerdonError


class StateGraph:
    """Nodes ``[n, features]`` and edge weights ``[n, n]``, at most ``most`` nodes."""

    def __init__(self, features: int, apart: float, most: int) -> None:
        if features < 1 or most < 1 or not apart >= 0:
            raise GuerdonError(f"StateGraph needs features, most >= 1 and apart >= 0, got {features}, {most}, {apart}")
        self.apart, self.most = apart, most
        self.nodes = torch.zeros((0, features), dtype=torch.float64)
        self.edges = torch.zeros((0, 0), dtype=torch.float64)

    def nearest(self, state: Tensor) -> int | None:
        """The node of a state ``[features]``, None if all are too far."""
        if not len(self.nodes):
            return None
        distance = (self.nodes - state.double()).norm(dim=1)
        return int(distance.argmin()) if float(distance.min()) <= self.apart else None

    def place(self, state: Tensor) -> int:
        """The node of a state, made if there is none; a full graph gives up its least connected one."""
        found = self.nearest(state)
        if found is not None:
            return found
        if len(self.nodes) < self.most:
            self.nodes = torch.cat([self.nodes, state.double()[None]])
            self.edges = torch.nn.functional.pad(self.edges, (0, 1, 0, 1))
            return len(self.nodes) - 1
        node = int(self.edges.sum(1).argmin())
        self.nodes[node], self.edges[node], self.edges[:, node] = state.double(), 0.0, 0.0
        return node

    def walk(self, states: Tensor) -> None:
        """Count the transitions of a trajectory ``[t, features]``."""
        before = None
        for state in states:
            node = self.place(state)
            if before is not None and before != node:
                self.edges[before, node] += 1
                self.edges[node, before] += 1
            before = node


def embedding_loss(codes: Tensor, edges: Tensor) -> Tensor:
    """``sum_{u != v} (g_u . g_v - A_uv / max A)^2``; without edges the target is 0."""
    target = edges / edges.max().clamp(min=1e-12) if edges.numel() else edges
    gap = codes @ codes.T - target.to(codes.dtype)
    return (gap - torch.diag(gap.diagonal())).square().sum()

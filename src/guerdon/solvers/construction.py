"""Exact answers on a construction task whose states can be listed: terminal laws and exact flows.

Maths
    visit(s_0) = 1,  visit(s') = sum_s visit(s) P_F(s' | s),  law(x) = visit(x) P_F(exit | x).
    Exact flow for uniform P_B:  F(s) = R(s) + sum_{s'} F(s') / |parents(s')|,
    P_F(s' | s) = F(s') / (|parents(s')| F(s)),  P_F(exit | s) = R(s) / F(s),  Z = F(s_0).
Reads
    A task with ``states()`` listed so that parents come before children, ``allowed``, ``advance``, ``parents``.
Deviations
    None.
"""

from typing import Any

import torch
from torch import Tensor


def terminal_law(task: Any, logprobs: Tensor) -> Tensor:
    """The law of the object that a forward policy builds, float64 ``[states]``.

    Args:
        task: the construction task.
        logprobs: log P_F of every action in every state, ``[states, actions]``; the last action exits.
    """
    probs, states = logprobs.double().exp(), task.states()
    visit = torch.zeros(len(states), dtype=torch.float64)
    visit[task.number(task.start(torch.zeros(1, dtype=torch.int64)))] = 1.0
    for parent, action, child in waves(task):
        visit = visit.index_add(0, child, visit[parent] * probs[parent, action])
    return visit * probs[:, -1]


def exact_flow(task: Any, reward: Tensor) -> tuple[Tensor, Tensor]:
    """The forward policy that samples exactly R/Z when P_B is uniform over parents, and log Z.

    Args:
        task: the construction task.
        reward: R of every state, ``[states]``, positive.

    Returns:
        log P_F ``[states, actions]`` and log Z (a scalar), both float64.
    """
    states, flow = task.states(), reward.double().clone()
    share = 1.0 / task.parents(states).sum(1).clamp(min=1).double()
    for parent, _, child in reversed(waves(task)):
        flow = flow.index_add(0, parent, flow[child] * share[child])
    probs = torch.zeros((len(states), task.actions), dtype=torch.float64)
    for parent, action, child in waves(task):
        probs[parent, action] = flow[child] * share[child] / flow[parent]
    probs[:, -1] = reward.double() / flow
    start = task.number(task.start(torch.zeros(1, dtype=torch.int64)))
    return probs.log(), flow[start].log()[0]


def waves(task: Any) -> list[tuple[Tensor, Tensor, Tensor]]:
    """The edges (parent, action, child) as state numbers, grouped so that a parent is complete before it is used."""
    states = task.states()
    moves = task.allowed(states)[:, :-1].nonzero()
    parent, action = moves[:, 0], moves[:, 1]
    child = task.number(task.advance(states[parent], action))
    level = torch.zeros(len(states), dtype=torch.int64)
    for _ in range(task.depth):
        level = level.scatter_reduce(0, child, level[parent] + 1, "amax")
    order = [level[parent] == depth for depth in range(int(level.max()))]
    return [(parent[at], action[at], child[at]) for at in order]

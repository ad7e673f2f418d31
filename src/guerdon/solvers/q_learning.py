"""Tabular Q-learning on a finite process: how long until the greedy policy gets there.

Idea
    Whether a shaped reward or a bonus helps shows in how many episodes a plain learner needs.
Maths
    ``Q(s, a) += lr (r(s, a) + b(s') + gamma max_a' Q(s', a') - Q(s, a))``, actions eps-greedy with ties broken at random;
    ``b(s')`` is the bonus by the visits of s' so far, 0 where the episode ends. Solved: the greedy policy, whose
    ties go to no action, terminates from the start within ``limit`` steps.
Reads
    A ``FiniteMDP``; rewards are its expected rewards.
Deviations
    None.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

import torch

from guerdon.solvers.mdp import FiniteMDP


class Effort(NamedTuple):
    """What it took to solve a process; the whole budget where it was not solved."""

    episodes: int
    """Episodes."""
    steps: int
    """Environment steps."""


def solve_by_q_learning(
    mdp: FiniteMDP,
    seed: int,
    *,
    start: int = 0,
    episodes: int = 600,
    limit: int = 40,
    epsilon: float = 0.1,
    lr: float = 0.5,
    bonus: Callable[[int], float] | None = None,
) -> Effort:
    """Learn until solved, at most ``episodes`` episodes of at most ``limit`` steps.

    Args:
        mdp: the process.
        seed: of the actions and the transitions.
        start: state in which every episode begins.
        episodes: largest number of episodes.
        limit: steps after which an episode is cut.
        epsilon: share of random actions.
        lr: step of the table.
        bonus: visits of the next state so far -> what is added to the reward; None: nothing.
    """
    chance = random.Random(seed)
    reward, moves = mdp.reward.tolist(), _moves(mdp)
    table, visits = [[0.0] * len(row) for row in reward], [0] * len(reward)
    taken = 0
    for episode in range(episodes):
        state = start
        for _ in range(limit):
            row = table[state]
            best = max(row)
            explores = chance.random() < epsilon
            action = chance.choice([a for a, value in enumerate(row) if explores or value == best])
            after = _drawn(moves[state][action], chance)
            taken += 1
            target = reward[state][action]
            if after is not None:
                visits[after] += 1
                target += mdp.discount * max(table[after]) + (bonus(visits[after] - 1) if bonus else 0.0)
            row[action] += lr * (target - row[action])
            if after is None:
                break
            state = after
        if _walks(table, moves, start, limit):
            return Effort(episode + 1, taken)
    return Effort(episodes, taken)


Moves = list[list[list[tuple[float, int]]]]


def _moves(mdp: FiniteMDP) -> Moves:
    """(cumulative probability, next state) of every state and action."""
    return [[_law(law) for law in actions] for actions in mdp.transition.double()]


def _law(law: torch.Tensor) -> list[tuple[float, int]]:
    states = law.nonzero()[:, 0]
    return list(zip(law[states].cumsum(0).tolist(), states.tolist(), strict=True))


def _drawn(law: list[tuple[float, int]], chance: random.Random) -> int | None:
    """The next state, None where the episode ends."""
    draw = chance.random()
    return next((state for mass, state in law if draw < mass), None)


def _walks(table: list[list[float]], moves: Moves, start: int, limit: int) -> bool:
    """Whether the greedy policy can terminate within the limit, a tie counting as not knowing where to go.

    Where moves are stochastic the likeliest one is followed, and the end where it has a chance at all.
    """
    state = start
    for _ in range(limit):
        row = table[state]
        if row.count(max(row)) > 1:
            return False
        law = moves[state][row.index(max(row))]
        if not law or law[-1][0] < 1 - 1e-12:
            return True
        masses = [mass - before for (mass, _), (before, _) in zip(law, [(0.0, 0), *law], strict=False)]
        state = law[masses.index(max(masses))][1]
    return False

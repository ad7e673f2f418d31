"""A ball that is pushed to a goal on a small grid, with the usual ingredients of a shaped reward, as tables (lucy_skg).

Maths
    The agent moves up, right, down or left; into the ball it pushes it, unless the ball would leave the grid. The ball on
    the goal pays 1 and terminates. After a move: ``speed = cos(move, ball - agent before)``,
    ``alignment = cos(ball - agent, goal - ball)``, and the distance of agent and ball.
Reads
    Nothing.
Deviations
    Cosines of vectors of length 0 are 0; the alignment of a ball on the goal is 1.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.solvers.mdp import FiniteMDP


class PushGrid(NamedTuple):
    """The process and what a designer may reward."""

    mdp: FiniteMDP
    """Pays 1 for the goal. State ``agent * cells + ball``; states that cannot be are terminal."""
    following: Tensor
    """Next state ``[S, A]``, -1 where it terminates."""
    speed: Tensor
    """Cosine of the move and the way to the ball, ``[S, A]``."""
    alignment: Tensor
    """Cosine of the ways to the ball and from it to the goal, ``[S, A]``."""
    distance: Tensor
    """Cells between agent and ball, ``[S, A]``."""


MOVES = torch.tensor([[-1, 0], [0, 1], [1, 0], [0, -1]])


def push_grid(size: int, goal: tuple[int, int], discount: float) -> PushGrid:
    """The grid of ``size`` x ``size`` cells with this goal.

    Raises:
        GuerdonError: if the goal is outside or the grid too small to push.
    """
    if size < 3 or not all(0 <= place < size for place in goal):
        raise GuerdonError(f"push_grid needs size >= 3 and a goal inside, got size {size} and goal {goal}")
    cells, target = size * size, torch.tensor(goal)
    state = torch.arange(cells * cells)
    agent, ball = (torch.stack([place // size, place % size], 1)[:, None] for place in (state // cells, state % cells))
    moved = agent + MOVES
    pushes = (moved == ball).all(2)
    pushed = torch.where(pushes[..., None], ball + MOVES, ball)
    possible = _inside(moved, size) & _inside(pushed, size)
    after = torch.where(possible[..., None], moved, agent)
    rests = torch.where(possible[..., None], pushed, ball)
    scored = (rests == target).all(2)
    valid = (agent != ball).any(2) & (ball != target).any(2)
    number = (after[..., 0] * size + after[..., 1]) * cells + rests[..., 0] * size + rests[..., 1]
    following = torch.where(scored | ~valid, -1, number)
    transition = torch.zeros((cells**2, 4, cells**2 + 1), dtype=torch.float64)
    transition.scatter_(2, following.remainder(cells**2 + 1)[..., None], 1.0)
    reward = (scored & valid).double()
    alignment = torch.where(scored, 1.0, _cosine(rests - after, target - rests))
    return PushGrid(
        FiniteMDP(transition[..., :-1], reward, discount),
        following,
        _cosine(after - agent, ball - agent),
        alignment,
        (rests - after).double().norm(dim=2),
    )


def score_share(grid: PushGrid, actions: Tensor, starts: Tensor, steps: int) -> float:
    """Share of the start states ``[n]`` from which the policy ``[S]`` scores within so many steps."""
    state, scored = starts.clone(), torch.zeros(len(starts), dtype=torch.bool)
    for _ in range(steps):
        state = torch.where(scored, state, grid.following[state, actions[state]])
        scored |= state < 0
        state = state.clamp(min=0)
    return float(scored.double().mean())


def _inside(place: Tensor, size: int) -> Tensor:
    return ((place >= 0) & (place < size)).all(-1)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    first, second = torch.broadcast_tensors(first.double(), second.double())
    size = first.norm(dim=-1) * second.norm(dim=-1)
    return torch.where(size > 0, (first * second).sum(-1) / torch.where(size > 0, size, 1.0), 0.0)

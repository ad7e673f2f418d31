"""Learning which frame is later and how far along from videos of successes on a grid: a toy of frame rewards (lrm).

Idea
    The time order of successful videos labels itself. Whether what is learned helps with a goal that no video shows
    can then be measured against the goal's own reward.
Maths
    A frame is (place, goal) in -1..1. Order: ``-log sigmoid(sign(j - i) u(o_i, o_j))``; progress:
    ``(p(o_t) - t / (T - 1))^2``.
    Reward of a move: ``weights[0] sign u + weights[1] (p' - p) + weights[2] 1[goal]``; a verdict counts only if the swapped
    pair gets the opposite one.
Reads
    Nothing: the videos are random shortest walks to random goals.
Deviations
    Coordinates instead of images, two networks of 64 units, and the goal itself instead of a learned completion head.
"""

import random
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guerdon.errors import GuerdonError
from guerdon.policies.perceptron import perceptron
from guerdon.rewards.frame_reward import ordered_pairs
from guerdon.rng import Stream
from guerdon.solvers.mdp import FiniteMDP

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))


def reach_grid(size: int, goal: int, discount: float) -> FiniteMDP:
    """Walk on ``size`` x ``size`` cells; entering cell ``goal`` pays 1 and terminates."""
    if size < 2 or not 0 <= goal < size * size:
        raise GuerdonError(f"reach_grid needs size >= 2 and a goal inside, got size {size} and goal {goal}")
    following = next_cells(size)
    cells = size * size
    transition = torch.zeros((cells, 4, cells), dtype=torch.float64).scatter(2, following[..., None], 1.0)
    transition[..., goal], transition[goal] = 0.0, 0.0
    reward = (following == goal).double()
    reward[goal] = 0.0
    return FiniteMDP(transition, reward, discount)


def next_cells(size: int) -> Tensor:
    """Where each move leads, ``[cells, 4]``; walls hold."""
    cell = torch.arange(size * size)
    row, column = (cell // size)[:, None], (cell % size)[:, None]
    down, right = torch.tensor(MOVES).T
    return (row + down).clamp(0, size - 1) * size + (column + right).clamp(0, size - 1)


def frames(cells: Tensor, goal: int, size: int) -> Tensor:
    """Frames ``[n, 4]`` that show the places and the goal."""
    goals = torch.full_like(cells, goal)
    parts = torch.stack([cells // size, cells % size, goals // size, goals % size], 1)
    return 2 * parts.float() / (size - 1) - 1


def walk(size: int, start: int, goal: int, chance: random.Random) -> list[int]:
    """A random shortest walk, both ends included."""
    path = [start]
    while path[-1] != goal:
        (row, column), (to_row, to_column) = divmod(path[-1], size), divmod(goal, size)
        steps = [size if to_row > row else -size] * abs(to_row - row) + [1 if to_column > column else -1] * abs(
            to_column - column
        )
        path.append(path[-1] + chance.choice(steps))
    return path


class FrameHeads(nn.Module):
    """``u(o_i, o_j)``, positive where the second frame is later, and ``p(o)``."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self.order_net = perceptron([8, 64, 1], "tanh", 1.0, stream.child("order"))
        self.progress_net = perceptron([4, 64, 1], "tanh", 1.0, stream.child("progress"))

    def order(self, before: Tensor, after: Tensor) -> Tensor:
        """u, ``[n]``."""
        return self.order_net(torch.cat([before, after], 1))[:, 0]

    def progress(self, frame: Tensor) -> Tensor:
        """p, ``[n]``."""
        return self.progress_net(frame)[:, 0]


def learn_heads(size: int, hidden_goal: int, seed: int, videos: int = 60, steps: int = 300, gap: int = 1) -> FrameHeads:
    """Heads trained on videos to every goal but ``hidden_goal``."""
    chance, heads = random.Random(seed), FrameHeads(Stream((seed, "frame_heads")))
    before, after, signs, seen, times = [], [], [], [], []
    while len(seen) < videos:
        start, goal = chance.randrange(size * size), chance.randrange(size * size)
        path = walk(size, start, goal, chance)
        if goal == hidden_goal or len(path) <= gap:
            continue
        shown = frames(torch.tensor(path), goal, size)
        first, second, sign = torch.tensor(ordered_pairs(len(path), gap)).T
        before.append(shown[first])
        after.append(shown[second])
        signs.append(sign)
        seen.append(shown)
        times.append(torch.linspace(0, 1, len(path)))
    pairs = torch.cat(before), torch.cat(after), torch.cat(signs).float()
    shown, labels = torch.cat(seen), torch.cat(times)
    optimizer = torch.optim.Adam(heads.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = F.softplus(-pairs[2] * heads.order(pairs[0], pairs[1])).mean()
        loss = loss + (heads.progress(shown) - labels).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return heads


def rewarded(mdp: FiniteMDP, heads: FrameHeads, size: int, goal: int, weights: tuple[float, float, float]) -> FiniteMDP:
    """The grid with the reward of the heads; the last weight is that of the goal."""
    cells = torch.arange(size * size)
    before = frames(cells, goal, size).repeat_interleave(4, dim=0)
    after = frames(next_cells(size).reshape(-1), goal, size)
    with torch.no_grad():
        verdict, swapped = heads.order(before, after).sign(), heads.order(after, before).sign()
        gain = heads.progress(after) - heads.progress(before)
    verdict = torch.where(swapped == -verdict, verdict, 0.0)
    shaped = (weights[0] * verdict + weights[1] * gain).double().reshape(-1, 4)
    shaped[goal] = 0.0
    return replace(mdp, reward=shaped + weights[2] * mdp.reward)

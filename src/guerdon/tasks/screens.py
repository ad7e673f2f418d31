"""Pointing at rectangles on an empty screen: grounding with a Gaussian policy over boxes.

Idea
    What a grounding reward pays for is seen in the boxes that it leads to: too large, too small, or right.
Maths
    K targets on a screen of ``side`` x ``side``; the observation is the one-hot number of the target. An action
    ``(a, b, c, d)`` is the box with centre ``side (1/2 + a/4, 1/2 + b/4)`` and sides ``side/2 (e^c, e^d)``. It earns
    ``hit 1[centre inside] + iou IoU + edges edge closeness`` (``scorers/boxes.py``) and the episode ends.
Reads
    Nothing; ``rollouts/episodes.py`` plays it.
Deviations
    Sides are between 8% and 25% of the screen, centres anywhere. There is no picture to look at.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.rng import Stream
from guerdon.scorers.boxes import Box, edge_closeness, inside, iou
from guerdon.tasks.environment import ActionSpace, Moved


@dataclass(frozen=True)
class Screens(TaskSpec):
    """``targets`` rectangles; a box earns ``hit``, ``iou`` and ``edges`` times its three scores."""

    targets: int = 3
    """K: number of targets, each a start state."""
    side: float = 100.0
    """Width and height of the screen."""
    hit: float = 1.0
    """Pay for a centre inside the target."""
    iou: float = 0.25
    """Pay for the overlap."""
    edges: float = 0.125
    """Pay for the closeness of the edges."""
    seed: int = 0
    """Of the targets."""

    def __post_init__(self) -> None:
        if self.targets < 1 or not 0 < self.side < math.inf:
            raise GuerdonError(f"Screens needs at least 1 target and a positive side, got {self}")

    def boxes(self) -> list[Box]:
        """The targets."""
        draws = torch.rand((self.targets, 4), generator=Stream((self.seed, "screens")).generator()).tolist()
        found = []
        for x, y, wide, high in draws:
            width, height = (self.side * (0.08 + 0.17 * share) for share in (wide, high))
            left, top = x * (self.side - width), y * (self.side - height)
            found.append((left, top, left + width, top + height))
        return found

    def box(self, action: Sequence[float]) -> Box:
        """The box of an action."""
        a, b, c, d = (min(max(float(number), -20.0), 20.0) for number in action)
        x, y = self.side * (0.5 + a / 4), self.side * (0.5 + b / 4)
        width, height = (self.side / 2 * math.exp(number) for number in (c, d))
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2

    def scores(self, number: int, action: Sequence[float]) -> tuple[float, float, float]:
        """Hit, IoU and edge closeness of an action on a target."""
        box, true = self.box(action), self.boxes()[number]
        return score(box, true, self.side)

    @property
    def observation_size(self) -> int:
        """One-hot number of the target."""
        return self.targets

    @property
    def action_space(self) -> ActionSpace:
        """Four real numbers."""
        return ActionSpace(low=(-2.0, -2.0, -20.0, -20.0), high=(2.0, 2.0, 20.0, 20.0))

    def size(self, split: str) -> int:
        """One start state per target."""
        return self.targets

    def start(self, split: str, number: int) -> int:
        """The target; numbers beyond the size begin again."""
        return number % self.targets

    def environments(self, count: int) -> "ScreenEnvironments":
        """``count`` copies, stepped together."""
        return ScreenEnvironments(self, count)


def score(box: Box, true: Box, side: float) -> tuple[float, float, float]:
    """Hit, IoU and edge closeness of a box."""
    centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    return float(inside(centre, true)), iou(box, true), edge_closeness(box, true, (side, side))


class ScreenEnvironments:
    """Which target each copy shows."""

    def __init__(self, task: Screens, count: int) -> None:
        self.task, self.boxes = task, task.boxes()
        self.target = np.zeros(count, int)

    def _seen(self, slots: np.ndarray) -> np.ndarray:
        return (self.target[slots][:, None] == np.arange(self.task.targets)).astype(np.float32)

    def reset(self, slots: np.ndarray, starts: Sequence[int]) -> np.ndarray:
        """Show targets; one-hot observations ``[slots, targets]``."""
        self.target[slots] = starts
        return self._seen(slots)

    def step(self, slots: np.ndarray, actions: np.ndarray) -> Moved:
        """Pay the boxes and end."""
        task, pay = self.task, []
        for target, action in zip(self.target[slots], actions, strict=True):
            hit, overlap, near = score(task.box(action), self.boxes[target], task.side)
            pay.append(task.hit * hit + task.iou * overlap + task.edges * near)
        over = np.ones(len(slots), bool)
        return Moved(self._seen(slots), np.array(pay, np.float32), over, ~over)

    def close(self) -> None:
        """Nothing to give up."""

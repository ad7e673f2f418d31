"""A room seen in pictures, and imagined walks through it in other colors and at twice the speed (rlzero).

Idea
    Whether imagined frames lead to the walk that was imagined can be measured where true places are known.
Maths
    Cells of an n x n room; moves up, right, down, left, walls hold. A cell's features are random cosines of its place.
    An imagined frame of a cell is ``brightness (features + palette + noise)``, with one palette for all frames; a walk
    shows every second cell. Six walks: to a corner, along the left wall, along the top, around, diagonally, and back
    and forth across the middle.
Reads
    Nothing; the methods are its tables.
Deviations
    Features stand for an encoder's.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.rng import Stream

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
WALKS = 6


@dataclass(frozen=True)
class ImaginedRoom:
    """n x n cells, numbered by row."""

    size: int = 12
    """n."""
    width: int = 32
    """Length of the features."""
    palette: float = 0.5
    """How far the imagined colors are off, in units of a feature's spread."""
    noise: float = 0.3
    """Noise on a frame, in the same units."""
    brightness: float = 2.0
    """Factor on imagined features."""
    seed: int = 0
    """Of features, palette and noise."""

    def __post_init__(self) -> None:
        if self.size < 4 or self.width < 1 or min(self.palette, self.noise) < 0 or not self.brightness > 0:
            raise GuerdonError(
                f"ImaginedRoom needs size >= 4, a positive width and brightness and no negative noise, got {self}"
            )

    def transition(self) -> Tensor:
        """``[S, 4, S]``."""
        place = torch.arange(self.size)
        row, column = (axis.flatten() for axis in torch.meshgrid(place, place, indexing="ij"))
        last = self.size - 1
        there = [(row + i).clamp(0, last) * self.size + (column + j).clamp(0, last) for i, j in MOVES]
        return torch.zeros(self.size**2, 4, self.size**2).scatter(2, torch.stack(there, 1)[..., None], 1.0)

    def features(self) -> Tensor:
        """Of each cell, ``[S, width]``."""
        generator = Stream((self.seed, "imagined_room", "features")).generator()
        waves = torch.randn((2, self.width), generator=generator) * 3 / self.size
        phase = torch.rand(self.width, generator=generator) * 2 * math.pi
        cell = torch.arange(self.size**2)
        place = torch.stack([cell // self.size, cell % self.size], 1).float()
        return math.sqrt(2) * (place @ waves + phase).cos()

    def walk(self, number: int) -> Tensor:
        """Cells that walk ``number`` shows, ``[T]``."""
        n, m = self.size, self.size // 2
        line = range(n)
        ring = [(1, c) for c in range(1, n - 1)] + [(r, n - 2) for r in range(2, n - 1)]
        ring += [(n - 2, c) for c in range(n - 3, 0, -1)] + [(r, 1) for r in range(n - 3, 1, -1)]
        corner = [(m - k, m - k) if k < m else (0, 0) for k in range(2 * m)]
        stairs = [(k + i, k) for k in range(n - 1) for i in (0, 1)]
        across = [(m, c) for c in line] + [(m, c) for c in reversed(line)]
        cells = (corner, [(r, 0) for r in line], [(0, c) for c in line], ring, stairs, across)[number]
        return torch.tensor([r * n + c for r, c in cells[::2]])

    def frames(self, number: int) -> Tensor:
        """Imagined features of the walk, ``[T, width]``."""
        palette = torch.randn(self.width, generator=Stream((self.seed, "imagined_room", "palette")).generator())
        shown = self.features()[self.walk(number)]
        generator = Stream((self.seed, "imagined_room", "noise", number)).generator()
        noise = torch.randn(shown.shape, generator=generator)
        return self.brightness * (shown + self.palette * palette + self.noise * noise)

    def occupancy(self, policy: Tensor, start: int, steps: int = 100) -> Tensor:
        """Mean share of the time in each cell over ``steps`` steps of a policy ``[S, 4]`` from a cell, ``[S]``."""
        step = (policy.double()[..., None] * self.transition().double()).sum(1)
        at = torch.zeros(self.size**2, dtype=torch.float64)
        at[start] = 1.0
        total = torch.zeros_like(at)
        for _ in range(steps):
            at = at @ step
            total += at
        return total / steps

    def apart(self, occupancy: Tensor, number: int) -> float:
        """Total variation between an occupancy ``[S]`` and that of the walk's cells."""
        cells = self.walk(number)
        share = torch.bincount(cells, minlength=self.size**2).double() / len(cells)
        return float((occupancy - share).abs().sum() / 2)

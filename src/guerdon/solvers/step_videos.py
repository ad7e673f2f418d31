"""Videos of a task in steps, as features: few of them follow the step, many follow nothing (perceptual_rewards).

Maths
    A frame in step g of n with ``progress`` inside it has ``width`` features. The first ``telling`` of them are random
    directions of the one-hot step, blurred at its edges; the others are white noise.
Reads
    Nothing.
Deviations
    None.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.rng import Stream


@dataclass(frozen=True)
class StepVideos:
    """Demonstrations of equal length whose steps begin at the same times, and episodes whose steps do not."""

    steps: int = 3
    """n: steps of the task."""
    frames: int = 30
    """Frames of a video."""
    width: int = 64
    """Features of a frame."""
    telling: int = 24
    """Features that depend on the step."""
    noise: float = 0.3
    """Standard deviation of the noise on the telling features; the others have 1."""
    seed: int = 0
    """Of features and videos."""

    def __post_init__(self) -> None:
        if not 2 <= self.steps <= self.frames or not 1 <= self.telling <= self.width:
            raise GuerdonError(f"StepVideos needs 2 <= steps <= frames and 1 <= telling <= width, got {self}")

    def video(self, stream: Stream, step: Tensor) -> Tensor:
        """Features ``[T, D]`` of frames in these steps ``[T]``."""
        looks = torch.randn((self.steps, self.telling), generator=Stream((self.seed, "step_videos")).generator())
        generator = stream.generator()
        frames = torch.randn((len(step), self.width), generator=generator)
        frames[:, : self.telling] = looks[step] + self.noise * frames[:, : self.telling]
        return frames

    def demonstrations(self, count: int) -> list[Tensor]:
        """Videos whose steps have equal lengths."""
        step = torch.arange(self.frames) * self.steps // self.frames
        return [self.video(Stream((self.seed, "step_videos", "demo", number)), step) for number in range(count)]

    def episode(self, number: int) -> tuple[Tensor, Tensor]:
        """A video whose steps begin at random times, and the true steps ``[T]``."""
        stream = Stream((self.seed, "step_videos", "episode", number))
        cuts = torch.randperm(self.frames - 1, generator=stream.child("cuts").generator())[: self.steps - 1] + 1
        step = (torch.arange(self.frames)[:, None] >= cuts.sort().values).sum(1)
        return self.video(stream, step), step

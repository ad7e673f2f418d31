"""Few-shot classification of feature vectors, with pictures like those seen and with shifted ones for the test.

Idea
    A classifier that already knows something, a few labelled pictures of each class, and a test that differs from them:
    what fits the few too closely fails there.
Maths
    Class centres ``mu_k ~ N(0, I)`` in d features; a picture is ``mu_k + noise z``, a shifted one has a direction of its
    own, the same for all, of length ``shift`` added. Start: ``W = scale (sqrt(c) mu + sqrt(1 - c) z)``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy, or takes the labels as stored responses.
Deviations
    None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask


@dataclass(frozen=True)
class FewShot(TokenTask):
    """``shots`` pictures of each of ``classes`` classes; a response is a label."""

    classes: int = 10
    """Number of classes."""
    shots: int = 4
    """Training pictures of each class."""
    width: int = 16
    """d: features of a picture."""
    tests: int = 50
    """Test pictures of each class, and as many shifted ones."""
    noise: float = 1.0
    """Spread of a class."""
    shift: float = 2.0
    """How far the shifted pictures are moved."""
    start: float = 0.3
    """c: how much of the centres the initial policy knows."""
    seed: int = 0
    """Of everything."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.classes, self.shots, self.width, self.tests) < 1 or not 0 <= self.start <= 1 or self.noise < 0:
            raise GuerdonError(f"FewShot needs positive sizes, noise >= 0 and start in [0, 1], got {self}")

    @property
    def actions(self) -> int:
        """One per class."""
        return self.classes

    @property
    def contexts(self) -> int:
        """One row per picture: training, test, shifted."""
        return self.classes * (self.shots + 2 * self.tests)

    def size(self, split: str) -> int:
        """Number of training pictures."""
        return self.classes * self.shots

    def pictures(self, split: str) -> Tensor:
        """Numbers of the pictures of ``train``, ``test`` or ``shifted``."""
        train, test = self.classes * self.shots, self.classes * self.tests
        first = {"train": 0, "test": train, "shifted": train + test}[split]
        return torch.arange(first, first + (train if split == "train" else test))

    def labels(self) -> Tensor:
        """The class of each picture, ``[pictures]``."""
        return torch.arange(self.contexts) % self.classes

    @cached_property
    def _draws(self) -> tuple[Tensor, Tensor]:
        generator = Stream((self.seed, "few_shot")).generator()
        centres = torch.randn((self.classes, self.width), generator=generator)
        pictures = centres[self.labels()] + self.noise * torch.randn((self.contexts, self.width), generator=generator)
        direction = torch.randn(self.width, generator=generator)
        pictures[self.pictures("shifted")] += self.shift * direction / direction.norm()
        weights = self.start**0.5 * centres + (1 - self.start) ** 0.5 * torch.randn(centres.shape, generator=generator)
        return pictures / self.width**0.5, weights.T

    def features(self) -> Tensor:
        """``[pictures, d]``."""
        return self._draws[0]

    def initial_weights(self) -> Tensor:
        """``[d, classes]``."""
        return self._draws[1]

    def stored(self, problem: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The labels of pictures ``[n]``: owners, tokens ``[n, 1]``, rewards."""
        return torch.arange(len(problem)), self.labels()[problem][:, None], torch.ones(len(problem))

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``: 1 for the right label, ``[n]``."""
        return {"traj.reward/task": (tokens[:, 0] == self.labels()[prompt]).float()}

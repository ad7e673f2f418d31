"""The same questions with 2, a few, or all answers to choose from: from yes or no to open answers.

Idea
    Whether training on small answer spaces first helps on the open one is a question about shared parameters, so no
    network is needed.
Maths
    Features phi ~ N(0, 1/d) per question and W* ~ N(0, 1): the right answer is the largest of phi W*. Start:
    ``W = 3 (sqrt(c) W* + sqrt(1 - c) noise)``. A format of n answers leaves the right one and n - 1 random others; the rest
    is ruled out by features of 0.01 with the weight -3000.
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy. ``sources()`` is the format's number.
Deviations
    The test is open, on questions of its own.
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

SHOWN, RULED_OUT = 0.01, -3000.0
"""So small that nothing is learned from which answers are offered: with 1 and -30 a policy reads the right one off them."""


@dataclass(frozen=True)
class AnswerSpaces(TokenTask):
    """``questions`` in every format of ``formats``; a response is one answer."""

    questions: int = 48
    """Training questions, and as many for the test."""
    vocab: int = 64
    """V: answers of the open format."""
    width: int = 16
    """d: features of a question."""
    formats: tuple[int, ...] = (2, 4, 64)
    """Answers to choose from in each format, the open one last."""
    start: float = 0.1
    """c: how much of the targets the initial policy knows."""
    seed: int = 0
    """Of features, targets and formats."""

    depth = 1

    def __post_init__(self) -> None:
        if min(self.questions, self.vocab, self.width) < 1 or not 0 <= self.start <= 1:
            raise GuerdonError(f"AnswerSpaces needs positive sizes and start in [0, 1], got {self}")
        if not self.formats or min(self.formats) < 1 or self.formats[-1] != self.vocab:
            raise GuerdonError(
                f"AnswerSpaces.formats must be numbers of answers, the last one vocab={self.vocab}, got {self.formats}"
            )

    @property
    def contexts(self) -> int:
        """A row per format and question, training and test."""
        return len(self.formats) * 2 * self.questions

    def size(self, split: str) -> int:
        """Every training question in every format."""
        return len(self.formats) * self.questions

    def sources(self) -> Tensor:
        """Number of the format of each training problem."""
        return torch.arange(self.size("train")) // self.questions

    @cached_property
    def _draws(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features ``[2 questions, d]``, targets and start ``[d, V]``."""
        generator = Stream((self.seed, "answer_spaces")).generator()
        phi = torch.randn((2 * self.questions, self.width), generator=generator) / self.width**0.5
        target = torch.randn((self.width, self.vocab), generator=generator)
        noise = torch.randn((self.width, self.vocab), generator=generator)
        return phi, target, 3 * (self.start**0.5 * target + (1 - self.start) ** 0.5 * noise)

    def right(self) -> Tensor:
        """The right answer of each row, ``[contexts]``."""
        phi, target, _ = self._draws
        return (phi @ target).argmax(1).repeat(len(self.formats))

    def ruled_out(self) -> Tensor:
        """Answers that a row does not offer, boolean ``[contexts, V]``."""
        generator = Stream((self.seed, "answer_spaces", "formats")).generator()
        draws = torch.rand((self.contexts, self.vocab), generator=generator)
        draws = draws.scatter(1, self.right()[:, None], -1.0)
        offered = torch.tensor(self.formats).repeat_interleave(2 * self.questions)
        return draws.argsort(1).argsort(1) >= offered[:, None]

    def features(self) -> Tensor:
        """``[contexts, d + V]``."""
        return torch.cat([self._draws[0].repeat(len(self.formats), 1), SHOWN * self.ruled_out().float()], 1)

    def initial_weights(self) -> Tensor:
        """``[d + V, V]``."""
        return torch.cat([self._draws[2], RULED_OUT * torch.eye(self.vocab)])

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of a training problem, ``[n]``."""
        return prompt // self.questions * 2 * self.questions + prompt % self.questions

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``: 1 for the right answer, ``[n]``."""
        return {"traj.reward/task": (tokens[:, 0] == self.right()[self.context(prompt, tokens)]).float()}

    def open_accuracy(self, logits: Tensor) -> tuple[float, float]:
        """Chance of the right open answer under rows ``[contexts, V]``: training and test questions."""
        chance = logits.softmax(-1).gather(1, self.right()[:, None])[-2 * self.questions :, 0]
        return float(chance[: self.questions].mean()), float(chance[self.questions :].mean())

"""Writing one box token by token so that it fills the wanted one: a CAD program in small.

Idea
    Only a program that runs has a solid, and how good the solid is hangs on six numbers.
Maths
    13 tokens ``box( d , d , d ).move( d , d , d )`` out of 16: ten digits, the four pieces of syntax, and two that never
    fit. The initial policy puts ``certainty`` on the right piece of syntax, and on all digits together where one belongs.
    One row per (prompt, place). Rewards are those of ``scorers/box_programs.py``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.scorers.box_programs import BoxPrograms
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_task import TokenTask

WORDS = (*"0123456789", "box(", ",", ").move(", ")", "sphere(", "+")
SHAPE = ("box(", "", ",", "", ",", "", ").move(", "", ",", "", ",", "", ")")
"""The right token of each place; empty: a digit."""
DIGITS = [place for place, word in enumerate(SHAPE) if not word]


@dataclass(frozen=True)
class BoxWriting(TokenTask):
    """P prompts, each asking for one box with sizes 1..9 and a corner in 0..9."""

    prompts: int = 4
    """P: number of prompts."""
    certainty: float = 0.9
    """Initial probability of the right kind of token at each place."""
    seed: int = 0
    """Of the wanted boxes."""

    depth = len(SHAPE)
    actions = len(WORDS)

    def __post_init__(self) -> None:
        if self.prompts < 1 or not 0 < self.certainty < 1:
            raise GuerdonError(f"BoxWriting needs prompts >= 1 and certainty in (0, 1), got {self}")

    def numbers(self) -> Tensor:
        """Sizes and corner of each wanted box, ``[P, 6]``."""
        generator = Stream((self.seed, "box_writing")).generator()
        size = torch.randint(1, 10, (self.prompts, 3), generator=generator)
        return torch.cat([size, torch.randint(0, 10, (self.prompts, 3), generator=generator)], 1)

    def initial_logits(self) -> Tensor:
        """``[P D, 16]``."""
        rows = torch.zeros(self.depth, self.actions)
        for row, word in zip(rows, SHAPE, strict=True):
            right = [WORDS.index(word)] if word else list(range(10))
            row[:] = (1 - self.certainty) / (self.actions - len(right))
            row[right] = self.certainty / len(right)
        return rows.log().repeat(self.prompts, 1)

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (IoU) and ``traj.reward/cad_exec`` ``[n]``; ``token.marked`` (digits) ``[n D]``."""
        wanted = [program(row) for row in self.numbers()[prompt].tolist()]
        pairs = zip(wanted, tokens.tolist(), strict=True)
        scores = torch.tensor([score(gold, "".join(WORDS[word] for word in row)) for gold, row in pairs]).view(-1, 2)
        return {
            "traj.reward/cad_exec": scores[:, 0],
            "traj.reward/task": scores[:, 1],
            "token.marked": (tokens < 10).flatten(),
        }

    def error(self, rows: Tensor) -> float:
        """Mean absolute error of the six numbers, digits alone, under logits ``[P D, 16]``."""
        digits = rows.view(self.prompts, self.depth, -1)[:, DIGITS, :10].softmax(-1)
        apart = (torch.arange(10) - self.numbers()[:, :, None]).abs()
        return float((digits * apart).sum(2).mean())


def program(numbers: list[int]) -> str:
    """The program of a box with these sizes and corner."""
    digits = iter(numbers)
    return "".join(word or str(next(digits)) for word in SHAPE)


@cache
def score(gold: str, written: str) -> tuple[float, float]:
    """Whether it runs, and IoU."""
    found = BoxPrograms()(Problem(0, "?", gold), written)
    return found["cad_exec"], found["cad_iou"]

"""Two steps with right triangles as a program of nine tokens: most programs do not run, few of those that do are right.

Idea
    Formal geometry in small. Three lengths are given; the diagonal of the box they span takes two statements, the second
    of which uses what the first has found.
Maths
    ``statements`` times (word, three quantities), then the answer. Words are ``pyth`` and ``tri``, quantities are the
    three given lengths and two names; one row of logits per (prompt, place), uniform over what can stand there. With one
    statement the hypotenuse of the first two lengths is asked for. Rewards are those of ``scorers/geometry.py``.
Reads
    Nothing; ``rollouts/tabular.py`` samples it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.scorers.geometry import GeometryProgram
from guerdon.tasks.problem import Problem
from guerdon.tasks.token_task import TokenTask

WORDS = ("pyth", "tri")
NAMES = ("x", "y")
LENGTHS = 3


@dataclass(frozen=True)
class GeometryPrograms(TokenTask):
    """P prompts with three lengths each; a program of ``statements`` statements and an answer."""

    prompts: int = 4
    """P: number of prompts."""
    statements: int = 2
    """Statements before the answer: 1 or 2."""
    seed: int = 0
    """Of the lengths."""

    actions = LENGTHS + len(NAMES)

    def __post_init__(self) -> None:
        if self.prompts < 1 or self.statements not in (1, 2):
            raise GuerdonError(f"GeometryPrograms needs prompts >= 1 and 1 or 2 statements, got {self}")

    @property
    def depth(self) -> int:
        """Tokens of a program."""
        return 4 * self.statements + 1

    def lengths(self) -> Tensor:
        """The given lengths, different ones below 60, ``[P, 3]``."""
        generator = Stream((self.seed, "geometry_programs")).generator()
        return torch.rand((self.prompts, 60), generator=generator).argsort(1)[:, :LENGTHS] + 1

    def problem(self, number: int) -> Problem:
        """A prompt as a problem."""
        given = self.lengths()[number].tolist()
        answer = math.hypot(*given[: self.statements + 1])
        return Problem(number, "?", f"{answer:.9f}", {"given": given})

    def initial_logits(self) -> Tensor:
        """Uniform over what can stand at a place, ``[P D, 5]``."""
        rows = torch.zeros(self.depth, self.actions)
        rows[torch.arange(0, self.depth - 1, 4), len(WORDS) :] = -1e9
        return rows.repeat(self.prompts, 1)

    def program(self, number: int, tokens: list[int]) -> str:
        """The text of a program."""
        quantities = (*map(str, self.lengths()[number].tolist()), *NAMES)
        words = [
            WORDS[token] if place % 4 == 0 and place < self.depth - 1 else quantities[token]
            for place, token in enumerate(tokens)
        ]
        lines = [" ".join(words[at : at + 4]) for at in range(0, self.depth - 1, 4)]
        return "\n".join([*lines, f"answer {words[-1]}"])

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task`` (right) and ``traj.reward/geometry_runs``, ``[n]``."""
        scorer, problems = GeometryProgram(tag=None), [self.problem(number) for number in range(self.prompts)]
        pairs = zip(prompt.tolist(), tokens.tolist(), strict=True)
        scores = [scorer(problems[number], self.program(number, row)) for number, row in pairs]
        columns = {"traj.reward/task": "geometry_right", "traj.reward/geometry_runs": "geometry_runs"}
        return {name: torch.tensor([score[key] for score in scores]) for name, key in columns.items()}

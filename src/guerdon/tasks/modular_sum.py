"""Sums and products modulo m as text: small enough for a language model trained in seconds (baseline-toys).

Idea
    ``a op b mod m`` has a checkable answer, few prompts, and enough structure to generalise to held-out pairs.
Maths
    Operators + and *; all ``2 m^2`` prompts, shuffled; every fifth one is in the test split.
Reads
    Nothing.
Deviations
    None.
"""

from dataclasses import dataclass
from functools import cache

import torch

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.rng import Stream
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class ModularSum(TaskSpec):
    """``a + b`` and ``a * b`` modulo ``modulus``; right is the number alone."""

    modulus: int = 11
    """m."""
    seed: int = 0
    """Of the order, and so of the split."""

    def __post_init__(self) -> None:
        if self.modulus < 2:
            raise GuerdonError(f"ModularSum.modulus must be at least 2, got {self.modulus}")

    def size(self, split: str) -> int:
        """Number of problems of a split."""
        return len(_split(self.modulus, self.seed, split))

    def problem(self, split: str, number: int) -> Problem:
        """Problem ``number`` of a split."""
        row = _split(self.modulus, self.seed, split)[number]
        sign, left, right = row // self.modulus**2, row // self.modulus % self.modulus, row % self.modulus
        answer = (left * right if sign else left + right) % self.modulus
        return Problem(id=row, prompt=f"{left}{'*' if sign else '+'}{right}=", answer=str(answer))

    def score(self, problem: Problem, response: str) -> float:
        """1 if the response is the answer, spaces aside."""
        return float(response.strip() == problem.answer)


@cache
def _split(modulus: int, seed: int, split: str) -> tuple[int, ...]:
    generator = Stream((seed, "modular_sum")).generator()
    order = torch.randperm(2 * modulus**2, generator=generator).tolist()
    return tuple(row for place, row in enumerate(order) if (place % 5 == 0) == (split == "test"))

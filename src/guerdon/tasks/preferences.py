"""Preference pairs over a small set of responses, with rewards that are known: the exact test of preference learning.

Idea
    Responses are all strings of ``length`` letters; each has a reward, and a pair's label is drawn from the
    Bradley-Terry model. The KL-regularised optimum is then a closed form (``solvers/kl_optimum.py``).
    Real pairs need no task of their own: ``JsonlProblems(answer_field="chosen")`` on a file with ``rejected``.
Maths
    r(y) ~ reward_std N(0, 1);  P(y_a is chosen over y_b) = sigma(r(y_a) - r(y_b)).
Reads
    Nothing. A problem's ``answer`` is the chosen response and ``meta["rejected"]`` the other.
Deviations
    None.
"""

import math
import random
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class BradleyTerryPairs(TaskSpec):
    """``pairs`` labelled pairs of the ``len(letters)^length`` strings, labels by sigma(r_a - r_b)."""

    letters: str = "abcd"
    """Letters of a response."""
    length: int = 3
    """Letters in a response."""
    pairs: int | None = 5000
    """Size of the data set; None: without end."""
    reward_std: float = 1.0
    """Standard deviation of the rewards."""
    prompt: str = "write:"
    """The one prompt."""
    seed: int = 0
    """Of rewards, pairs and labels."""

    def __post_init__(self) -> None:
        if len(set(self.letters)) < 2 or self.length < 1 or (self.pairs is not None and self.pairs < 1):
            raise GuerdonError(f"BradleyTerryPairs needs two letters, length >= 1 and pairs >= 1, got {self}")

    def size(self, split: str) -> int | None:
        """Number of pairs; the splits are drawn independently."""
        return self.pairs

    def responses(self) -> tuple[str, ...]:
        """Every response."""
        return tuple(_responses(self.letters, self.length))

    def rewards(self) -> tuple[float, ...]:
        """Reward of every response, in the order of ``responses``."""
        return tuple(_rewards(self).values())

    def problem(self, split: str, number: int) -> Problem:
        """Pair ``number`` of a split."""
        draw = random.Random(f"{self.seed}/{split}/{number}")
        first, second = draw.sample(_responses(self.letters, self.length), 2)
        gap = self.score_of(first) - self.score_of(second)
        if draw.random() >= 1 / (1 + math.exp(-gap)):
            first, second = second, first
        return Problem(id=number, prompt=self.prompt, answer=first, meta={"rejected": second})

    def score(self, problem: Problem, response: str) -> float:
        """The reward of a response; of a string that is none of them, the least reward."""
        rewards = _rewards(self)
        return rewards.get(response, min(rewards.values()))

    def score_of(self, response: str) -> float:
        """The reward of one of the responses."""
        return _rewards(self)[response]


@lru_cache(maxsize=8)
def _responses(letters: str, length: int) -> list[str]:
    return ["".join(word) for word in product(letters, repeat=length)]


@lru_cache(maxsize=8)
def _rewards(task: BradleyTerryPairs) -> dict[str, float]:
    draw = random.Random(f"{task.seed}/rewards")
    return {word: draw.gauss(0.0, task.reward_std) for word in _responses(task.letters, task.length)}

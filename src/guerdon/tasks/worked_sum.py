"""Sums modulo m whose solutions are written out in one of several styles: what a small model is pretrained on.

Idea
    A worked solution shows its running sums before the answer, so whether a response reasons, in which style, and
    whether its answer follows from its reasoning can be read off the text. A mixture of styles is a pretraining corpus
    with known modes (echo); random digits in the place of the running sums are reasoning that explains nothing.
Maths
    ``x_1 + ... + x_n mod m``, running sums ``s_k = x_1 + ... + x_k mod m``; n is uniform on ``terms..most_terms``.
Reads
    Nothing. A prompt is in the test split if a hash of (seed, prompt) says so, one in five.
Deviations
    Digits stand without spaces, so m is at most 10.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class WorkedSum(TaskSpec):
    """``x_1+...+x_n`` modulo ``modulus``; right is the number after the last ``marker``, spaces aside."""

    terms: int = 3
    """Fewest terms."""
    most_terms: int | None = None
    """Most terms; None: all prompts have ``terms``."""
    modulus: int = 10
    """m."""
    styles: dict[str, float] = field(default_factory=lambda: {"{chain}:{answer}": 1.0})
    """Template of a demonstration -> its share. ``{chain}`` is the running sums, ``{noise}`` as many random digits."""
    marker: str = ":"
    """What the answer comes after."""
    train_size: int = 2000
    """Training problems."""
    test_size: int = 200
    """Held-out problems; no prompt is in both splits."""
    seed: int = 0
    """Of the splits, the problems and their styles."""

    def __post_init__(self) -> None:
        if not 2 <= self.modulus <= 10:
            raise GuerdonError(f"WorkedSum.modulus must lie in 2..10, got {self.modulus}; digits stand without spaces")
        if self.terms < 2 or (self.most_terms is not None and self.most_terms < self.terms):
            raise GuerdonError(
                "WorkedSum.terms must be at least 2 and at most most_terms, "
                f"got terms={self.terms}, most_terms={self.most_terms}"
            )
        if min(self.train_size, self.test_size) < 1:
            raise GuerdonError(
                f"WorkedSum.train_size and test_size must be at least 1, got {self.train_size} and {self.test_size}"
            )
        if not self.marker:
            raise GuerdonError("WorkedSum.marker must be a text, got an empty one")
        shares = list(self.styles.values())
        if not shares or not all(0 <= share < float("inf") for share in shares) or sum(shares) <= 0:
            raise GuerdonError(f"WorkedSum.styles must have shares of at least 0, one above, got {self.styles}")
        for template in self.styles:
            try:
                template.format(chain="", noise="", answer="")
            except (KeyError, IndexError, ValueError):
                raise GuerdonError(
                    f"WorkedSum.styles must use only {{chain}}, {{noise}} and {{answer}}, got {template!r}"
                ) from None

    def size(self, split: str) -> int:
        """Number of problems of a split."""
        return self.test_size if split == "test" else self.train_size

    def problem(self, split: str, number: int) -> Problem:
        """Problem ``number``; its answer is a demonstration, ``meta`` has the ``result`` and the ``style``."""
        if not 0 <= number < self.size(split):
            raise GuerdonError(f"a {split} problem must have a number in 0..{self.size(split) - 1}, got {number}")
        digits, draw = _digits(self.seed, split, number, self.terms, self.most_terms or self.terms, self.modulus)
        chain = [sum(digits[: k + 1]) % self.modulus for k in range(len(digits))]
        style = _chosen(self.styles, draw)
        noise = random.Random(f"{self.seed} {split} {number} noise")
        demonstration = style.format(
            chain="".join(map(str, chain)),
            noise="".join(str(noise.randrange(self.modulus)) for _ in digits),
            answer=chain[-1],
        )
        meta = {"result": str(chain[-1]), "style": style}
        return Problem(number, "+".join(map(str, digits)) + "=", demonstration, meta)

    def score(self, problem: Problem, response: str) -> float:
        """1 if what follows the last marker is the result; a response without a marker is taken whole."""
        return float(response.rpartition(self.marker)[2].strip() == problem.meta["result"])


def follows(response: str, marker: str = ":") -> bool:
    """Whether the answer after the last marker is the last character of the reasoning before it."""
    reasoning, _, answer = response.rpartition(marker)
    return bool(reasoning) and reasoning[-1] == answer.strip()


def _chosen(styles: dict[str, float], draw: float) -> str:
    """The style at the place ``draw`` in [0, 1) of the cumulated shares."""
    left = draw * sum(styles.values())
    for style, share in styles.items():
        left -= share
        if left < 0:
            return style
    return next(style for style, share in reversed(styles.items()) if share > 0)


@lru_cache(maxsize=100_000)
def _digits(seed: int, split: str, number: int, least: int, most: int, modulus: int) -> tuple[Sequence[int], float]:
    """The terms of a problem, drawn until the prompt belongs to the split, and a number in [0, 1) for its style."""
    source = random.Random(f"{seed} {split} {number}")
    while True:
        digits = [source.randrange(modulus) for _ in range(source.randint(least, most))]
        if _held_out(seed, digits) == (split == "test"):
            return digits, source.random()


def _held_out(seed: int, digits: Sequence[int]) -> bool:
    return hashlib.blake2b(repr((seed, list(digits))).encode(), digest_size=4).digest()[0] % 5 == 0

"""Trying again after a failure: how often, and how long to wait before each try.

Idea
    A busy or restarting service answers a little later. Waits grow, so that it is not kept busy, and are spread by
    chance, so that callers that failed together do not come back together.
Maths
    ``wait_n = min(longest, wait factor^(n-1)) (1 - jitter u_n)`` with u_n uniform in 0..1 before the n-th further try.
Reads
    Nothing; ``guard.py`` and ``remote.py`` ask it.
Deviations
    u_n is drawn from the seed and from what is tried, so equal runs wait equally and different batches differently.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from guerdon.base import Piece
from guerdon.errors import GuerdonError


@dataclass(frozen=True)
class Retry(Piece):
    """``wait_n = min(longest, wait factor^(n-1)) (1 - jitter u_n)``."""

    times: int = 3
    """Further tries after the first."""
    wait: float = 0.5
    """Seconds before the first of them."""
    factor: float = 2.0
    """How much longer each wait is than the one before."""
    longest: float = 30.0
    """No wait is longer, in seconds."""
    jitter: float = 0.5
    """Share of a wait that is left to chance."""
    seed: int = 0
    """Of the chance."""

    def __post_init__(self) -> None:
        if self.times < 0 or self.wait < 0 or self.longest < 0 or not self.factor >= 1 or not 0 <= self.jitter <= 1:
            raise GuerdonError(
                "Retry needs times, wait and longest >= 0, factor >= 1 and jitter in [0, 1], got "
                f"times={self.times}, wait={self.wait}, longest={self.longest}, factor={self.factor}, "
                f"jitter={self.jitter}"
            )

    def waits(self, what: str = "") -> Iterator[float]:
        """Seconds before each further try of ``what``."""
        chance = random.Random(f"{self.seed}/{what}")
        wait = self.wait
        for _ in range(self.times):
            yield min(wait, self.longest) * (1 - self.jitter * chance.random())
            wait = min(wait * self.factor, self.longest)

"""Jigsaw puzzles without pictures: find the order of n tiles, one tile after the other.

Idea
    An answer in one of n! orders is hardly ever right by chance, but often in some places: partial credit against all
    or nothing.
Maths
    Each puzzle has an order. A response is n tiles without repetition; it earns the share of tiles in their place
    (``graded``) or 1 for the order and 0 else. Features: one-hot puzzle and place, and the tiles used so far, whose
    initial weights rule them out (-30).
Reads
    Nothing; ``rollouts/tabular.py`` samples it with a ``Linear`` policy, uniform over the tiles left at first.
Deviations
    An order with a tile twice, which has a chance below 1e-12, earns 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.batch import Column
from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.token_task import TokenTask

RULED_OUT = -30.0


@dataclass(frozen=True)
class Jigsaw(TokenTask):
    """``puzzles`` orders of ``tiles`` tiles; a response is an order."""

    puzzles: int = 1
    """Number of puzzles, each a prompt."""
    tiles: int = 6
    """n: tiles of a puzzle."""
    graded: bool = True
    """Pay the share of right places; otherwise the right order only."""
    seed: int = 0
    """Of the orders."""

    def __post_init__(self) -> None:
        if self.puzzles < 1 or not 2 <= self.tiles <= 12:
            raise GuerdonError(f"Jigsaw needs at least 1 puzzle and 2 to 12 tiles, got {self.puzzles}, {self.tiles}")

    @property
    def depth(self) -> int:
        """One token per tile."""
        return self.tiles

    @property
    def actions(self) -> int:
        """One per tile."""
        return self.tiles

    @property
    def contexts(self) -> int:
        """One per puzzle and set of used tiles."""
        return self.puzzles * 2**self.tiles

    def size(self, split: str) -> int:
        """Number of puzzles."""
        return self.puzzles

    def orders(self) -> Tensor:
        """The right order of each puzzle, ``[puzzles, tiles]``."""
        generator = Stream((self.seed, "jigsaw")).generator()
        return torch.rand((self.puzzles, self.tiles), generator=generator).argsort(1)

    def features(self) -> Tensor:
        """``[contexts, puzzles tiles + tiles]``."""
        used = torch.arange(2**self.tiles)[:, None] >> torch.arange(self.tiles) & 1
        place = used.sum(1).clamp(max=self.tiles - 1)
        puzzle = torch.arange(self.puzzles).repeat_interleave(len(used))
        where = torch.zeros(self.contexts, self.puzzles * self.tiles)
        where[torch.arange(self.contexts), puzzle * self.tiles + place.repeat(self.puzzles)] = 1.0
        return torch.cat([where, used.repeat(self.puzzles, 1).float()], 1)

    def initial_weights(self) -> Tensor:
        """``[puzzles tiles + tiles, tiles]``: tiles that were used are ruled out."""
        return torch.cat([torch.zeros(self.puzzles * self.tiles, self.tiles), RULED_OUT * torch.eye(self.tiles)])

    def context(self, prompt: Tensor, prefix: Tensor) -> Tensor:
        """Row of each puzzle and the tiles used, ``[n]``."""
        used = torch.zeros_like(prompt)
        for tile in prefix.unbind(1):
            used = used | (1 << tile)
        return prompt * 2**self.tiles + used

    def outcome(
        self, prompt: Tensor, tokens: Tensor, length: Tensor, generator: torch.Generator
    ) -> Mapping[str, Column]:
        """``traj.reward/task``, and ``traj.answer`` as a number in base n, ``[n]``."""
        share = (tokens == self.orders()[prompt]).float().mean(1)
        valid = (tokens.sort(1).values == torch.arange(self.tiles)).all(1)
        paid = share if self.graded else (share == 1).float()
        powers = self.tiles ** torch.arange(self.tiles - 1, -1, -1)
        return {"traj.reward/task": torch.where(valid, paid, 0.0), "traj.answer": (tokens * powers).sum(1)}

    def solved(self, logits: Tensor) -> float:
        """Exact chance of the right order under rows ``[contexts, tiles]``, averaged over puzzles."""
        orders, prompt = self.orders(), torch.arange(self.puzzles)
        logprobs = logits.log_softmax(-1)
        total = torch.zeros(self.puzzles)
        for place in range(self.tiles):
            total = total + logprobs[self.context(prompt, orders[:, :place]), orders[:, place]]
        return float(total.exp().mean())

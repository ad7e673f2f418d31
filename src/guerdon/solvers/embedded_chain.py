"""A walk along a line, seen through embeddings: progress is one direction among others (vlm_rm).

Idea
    Rewards from picture encoders are right about progress only as far as what else varies in the pictures does not
    drown it. Here both are known.
Maths
    State s of S has progress ``s / (S - 1)``; its picture's embedding is ``base + progress (goal - base) + nuisance``,
    normalised, with ``nuisance`` a random point in ``distractions`` directions.
Reads
    Nothing; ``features`` and ``mdp`` are its tables.
Deviations
    The prompts' embeddings are the two ends of the line without nuisance.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.solvers.mdp import FiniteMDP


@dataclass(frozen=True)
class EmbeddedChain:
    """S states in a row; actions left and right; the goal is the last state."""

    states: int = 30
    """S."""
    width: int = 64
    """Dimensions of an embedding."""
    distractions: int = 5
    """Directions in which pictures differ for other reasons than progress."""
    nuisance: float = 0.5
    """Standard deviation along each of them; prompts have length 1."""
    seed: int = 0
    """Of prompts, directions and pictures."""

    def __post_init__(self) -> None:
        if min(self.states, self.width) < 2 or self.distractions < 0 or self.nuisance < 0:
            raise GuerdonError(
                f"EmbeddedChain needs at least 2 states and dimensions, and no negative size, got {self}"
            )

    @property
    def progress(self) -> Tensor:
        """From 0 to 1, ``[S]``."""
        return torch.linspace(0, 1, self.states, dtype=torch.float64)

    def prompts(self) -> tuple[Tensor, Tensor]:
        """Embeddings of the goal and the baseline prompt, each ``[1, D]``."""
        generator = Stream((self.seed, "embedded_chain", "prompts")).generator()
        both = functional.normalize(torch.randn((2, self.width), generator=generator, dtype=torch.float64))
        return both[:1], both[1:]

    def pictures(self) -> Tensor:
        """Embeddings of the states, ``[S, D]``."""
        generator = Stream((self.seed, "embedded_chain", "pictures")).generator()
        directions = torch.randn((self.distractions, self.width), generator=generator, dtype=torch.float64)
        places = torch.randn((self.states, self.distractions), generator=generator, dtype=torch.float64)
        goal, base = self.prompts()
        noise = self.nuisance * places @ functional.normalize(directions, dim=1)
        return functional.normalize(base + self.progress[:, None] * (goal - base) + noise)

    def mdp(self, reward: Tensor, discount: float = 0.95) -> FiniteMDP:
        """Walking the row for a reward ``[S]`` on the state that is entered."""
        there = torch.stack([torch.arange(self.states) - 1, torch.arange(self.states) + 1], 1).clamp(0, self.states - 1)
        transition = torch.zeros(self.states, 2, self.states).scatter(2, there[..., None], 1.0)
        return FiniteMDP(transition, reward[there], discount)

    def reaches_goal(self, policy: Tensor, steps: int = 60) -> float:
        """Share of the states from which a deterministic policy ``[S]`` gets to the goal and stays."""
        state = torch.arange(self.states)
        for _ in range(steps):
            state = (state + 2 * policy[state] - 1).clamp(0, self.states - 1)
        return float((state == self.states - 1).double().mean())

"""Points: a mixture of Gaussians in a few dimensions, the data of a toy diffusion model.

Idea
    Small enough that a denoiser learns it in seconds and that what a reward does to the samples can be seen.
Maths
    x = c_k + std z, z ~ N(0, I); k is the prompt (conditional) or uniform over the centers.
Reads
    Nothing. ``rollouts/noising.py`` draws data from it, ``rollouts/denoise.py`` its prompts.
Deviations
    None.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.piece import TaskSpec


@dataclass(frozen=True)
class Points(TaskSpec):
    """``c_k + std z``: one Gaussian per center."""

    centers: tuple[tuple[float, ...], ...] = ((0.0,),)
    """Means; all of one dimension."""
    std: float = 1.0
    """Standard deviation around each center, in every dimension."""
    conditional: bool = False
    """Whether each center is a prompt of its own; otherwise there is one prompt, for the whole mixture."""

    def __post_init__(self) -> None:
        widths = {len(center) for center in self.centers}
        if len(widths) != 1 or 0 in widths or self.std < 0:
            raise GuerdonError(f"Points needs std >= 0 and centers of one dimension, at least 1, got {self}")

    @property
    def dimension(self) -> int:
        """Numbers in a sample."""
        return len(self.centers[0])

    def size(self, split: str) -> int:
        """Number of prompts."""
        return len(self.centers) if self.conditional else 1

    def sample(self, problem: Tensor, generator: torch.Generator) -> Tensor:
        """One data point per prompt number ``[n]``, float ``[n, dimension]``."""
        centers = torch.tensor(self.centers)
        chosen = problem if self.conditional else torch.randint(len(centers), problem.shape, generator=generator)
        return centers[chosen] + self.std * torch.randn((len(problem), self.dimension), generator=generator)

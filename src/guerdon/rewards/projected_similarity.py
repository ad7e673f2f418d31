"""How near a picture's embedding is to a goal prompt's, along the line from a baseline prompt (vlm_rm).

Maths
    Unit embeddings x of the picture, g and b the means of the unit embeddings of the goal and baseline prompts, not
    normalised again; ``d = g - b``, ``P = alpha d d^T / |d|^2 + (1 - alpha) I``, ``r = 1 - |P (x - g)|^2 / 2``.
    alpha 0 with one goal prompt is the cosine similarity; alpha 1 sees nothing but the coordinate along d.
Reads
    ``column``, one embedding per row: whatever encoder wrote it.
Deviations
    A picture whose embedding is 0 or not finite is unscored. The arithmetic is float32 at least.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from guerdon.axes import check_level
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

Vectors = tuple[tuple[float, ...], ...]


def projected_similarity(pictures: Tensor, goals: Tensor, baselines: Tensor, alpha: float) -> Tensor:
    """``r`` of each picture: ``[n, D]``, ``[k, D]`` and ``[m, D]`` -> ``[n]``; NaN where a picture is 0 or not finite.

    Raises:
        GuerdonError: if goal and baseline are the same point, so that there is no line between them.
    """
    pictures, goals, baselines = (x if x.dtype == torch.float64 else x.float() for x in (pictures, goals, baselines))
    goal, baseline = functional.normalize(goals, dim=1).mean(0), functional.normalize(baselines, dim=1).mean(0)
    line = goal - baseline
    length = line.square().sum()
    if not float(length) > 0:
        raise GuerdonError("goal and baseline prompts must have different embeddings, got the same; change one of them")
    off = functional.normalize(pictures, dim=1) - goal
    along = (off @ line / length)[:, None] * line
    result = 1 - (alpha * along + (1 - alpha) * off).square().sum(1) / 2
    return torch.where(pictures.norm(dim=1) > 0, result, torch.nan)


@dataclass(frozen=True)
class ProjectedSimilarity(Transform):
    """``1 - |P (x - g)|^2 / 2``: similarity to a goal prompt, with what does not lie towards it faded out."""

    goals: Vectors
    """Embeddings of the prompts that describe the goal."""
    baselines: Vectors
    """Embeddings of the prompts that describe the scene without it."""
    alpha: float = 0.5
    """How far to fade out what does not lie on the line from baseline to goal: 0 not at all, 1 wholly."""
    column: str = "step.embedding"
    """The embeddings of the pictures."""
    output: str = "step.reward"
    """Where to write the reward; of the level of ``column``."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise GuerdonError(f"ProjectedSimilarity.alpha must lie in 0..1, got {self.alpha}")
        sizes = {len(vector) for vector in (*self.goals, *self.baselines)}
        if not (self.goals and self.baselines and len(sizes) == 1):
            raise GuerdonError(
                "ProjectedSimilarity needs goals and baselines of one length, got "
                f"{len(self.goals)} and {len(self.baselines)} of lengths {sorted(sizes)}"
            )
        check_level("ProjectedSimilarity.output", self.output, self.column)

    @property
    def reads(self) -> tuple[str, ...]:
        """The embeddings."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, one per row of the embeddings."""
        pictures = batch[self.column]
        goals, baselines = (as_rows(vectors, pictures) for vectors in (self.goals, self.baselines))
        return {self.output: projected_similarity(pictures, goals, baselines, self.alpha)}


def as_rows(vectors: Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """Vectors as a tensor beside another."""
    return torch.tensor(vectors, dtype=like.dtype, device=like.device)

"""Imagined frames replaced by the most similar real observations (rlzero).

Idea
    A video model draws another robot, in other colors. What it shows is looked up in what was seen: imitation then never
    asks for a state that does not exist.
Maths
    ``s_t = argmax_s cos(e(f_t), e(s))`` over the observations of the data.
Reads
    Features of frames and of the data, by whatever encoder.
Deviations
    Ties go to the first. The similarities are returned too, so that a caller can refuse what was matched badly.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from guerdon.errors import GuerdonError


@dataclass(frozen=True, eq=False)
class Matches:
    """What frames were matched to."""

    index: Tensor
    """Rows of the library, ``[T]``."""
    similarity: Tensor
    """Their cosine similarity, ``[T]``."""

    @property
    def distinct(self) -> int:
        """Number of different observations; 1 is goal reaching."""
        return len(self.index.unique())


def match_frames(frames: Tensor, library: Tensor, rows: int = 65536) -> Matches:
    """The most similar observation of each frame: ``[T, k]`` and ``[N, k]``, of which ``rows`` are compared at a time.

    Raises:
        GuerdonError: if there is no frame or no observation, or one has no direction.
    """
    if not len(frames) or not len(library) or frames.shape[1] != library.shape[1]:
        raise GuerdonError(
            "matching needs frames and observations with features of one length, "
            f"got {tuple(frames.shape)} and {tuple(library.shape)}"
        )
    for what, features in (("frames", frames), ("observations", library)):
        length = features.norm(dim=1)
        odd = (~(length.isfinite() & (length > 0))).nonzero()
        if len(odd):
            raise GuerdonError(f"features of {what} must be finite and not 0; row {int(odd[0])} has no direction")
    wanted = functional.normalize(frames, dim=1)
    best = wanted.new_full((len(frames),), -torch.inf)
    index = torch.zeros(len(frames), dtype=torch.int64, device=frames.device)
    for start in range(0, len(library), rows):
        part = (wanted @ functional.normalize(library[start : start + rows], dim=1).T).max(1)
        better = part.values > best
        best, index = torch.where(better, part.values, best), torch.where(better, part.indices + start, index)
    return Matches(index, best)

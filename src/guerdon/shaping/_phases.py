"""Where thinking ends and where the answer stands: the phases of a response, from the ids of its tags."""

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch


def starts(batch: Batch, tag: tuple[int, ...]) -> Tensor:
    """Boolean ``[action]``: a tag's first token. The empty tag starts nowhere."""
    index, size, ids = batch.index("action", "traj"), batch.size("traj"), batch["action.id"]
    found = torch.full_like(ids, bool(tag), dtype=torch.bool)
    for offset, wanted in enumerate(tag):
        found = found & (segment.shift(ids, index, size, offset, fill=-1) == wanted)
    return found


def phases(batch: Batch, tag: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Boolean ``[action]`` twice: before the first closing tag, and after it. Without one all is before."""
    index, size = batch.index("action", "traj"), batch.size("traj")
    place = segment.position(index, size)
    start = segment.min(place.double(), index, size, starts(batch, tag))[index]
    return place < start, place >= start + len(tag)


def between(batch: Batch, opening: tuple[int, ...], closing: tuple[int, ...]) -> Tensor:
    """Boolean ``[action]``: after the last opening tag and before the first closing tag behind it; none without both."""
    index, size = batch.index("action", "traj"), batch.size("traj")
    place = segment.position(index, size).double()
    start = segment.max(place, index, size, starts(batch, opening))[index] + len(opening)
    end = segment.min(place, index, size, starts(batch, closing) & (place >= start))[index]
    return (place >= start) & (place < end) & end.isfinite()

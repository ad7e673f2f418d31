"""Where thinking ends: the phases of a response, from the ids of its closing tag."""

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch


def phases(batch: Batch, tag: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Boolean ``[action]`` twice: before the first closing tag, and after it. Without one all is before."""
    index, size, ids = batch.index("action", "traj"), batch.size("traj"), batch["action.id"]
    place = segment.position(index, size)
    opens = torch.full_like(ids, bool(tag), dtype=torch.bool)
    for offset, wanted in enumerate(tag):
        opens = opens & (segment.shift(ids, index, size, offset, fill=-1) == wanted)
    start = segment.min(place.double(), index, size, opens)[index]
    return place < start, place >= start + len(tag)

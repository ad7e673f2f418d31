"""Whether a response repeats itself, from its n-grams (laser).

Idea
    A long wrong answer may be a search or a loop; only the loop shows in its n-grams.
Maths
    n = 4 (3 below 100 actions, 2 below 30). A response repeats itself if some n-gram occurs 3 times (2 below 200
    actions) with two neighbouring occurrences less than T/3 apart, or if some 2n-gram occurs twice.
Reads
    ``action.id``.
Deviations
    n-grams of one symbol do not count, nor do 2n-grams of one symbol. The released code scans from the end and stops
    at the first find, which gives the same answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


def repeats(ids: Sequence[int]) -> bool:
    """Whether a sequence of action ids repeats itself."""
    length = len(ids)
    width = 2 if length < 30 else 3 if length < 100 else 4
    often = 2 if length < 200 else 3
    for places in _places(ids, width).values():
        near = any(later - earlier < length / 3 for earlier, later in pairwise(places))
        if len(places) >= often and near:
            return True
    return any(len(places) > 1 for places in _places(ids, 2 * width).values())


def _places(ids: Sequence[int], width: int) -> dict[tuple[int, ...], list[int]]:
    """Where each n-gram of more than one symbol begins, ascending."""
    found: dict[tuple[int, ...], list[int]] = {}
    for start in range(len(ids) - width + 1):
        gram = tuple(ids[start : start + width])
        if len(set(gram)) > 1:
            found.setdefault(gram, []).append(start)
    return found


@dataclass(frozen=True)
class Repetition(Transform):
    """``traj.repeats``: some n-gram recurs within a third of the response."""

    reads = ("action.id",)
    writes = ("traj.repeats",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.repeats`` ``[traj]``, boolean."""
        counts = segment.count(batch.index("action", "traj"), batch.size("traj")).tolist()
        ids, start, found = batch["action.id"].tolist(), 0, []
        for count in counts:
            found.append(repeats(ids[start : start + count]))
            start += count
        return {"traj.repeats": torch.tensor(found, dtype=torch.bool, device=batch.device)}

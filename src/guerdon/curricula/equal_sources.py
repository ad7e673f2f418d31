"""Every data source in equal parts, however large it is (recap's replay).

Idea
    A small source of what is to be kept should not be drowned by a large one of what is to be learned.
Maths
    Of ``count`` problems each of K sources gives ``count // K``, and the rest goes to sources drawn at random; inside a
    source uniformly, without replacement as long as it lasts.
Reads
    ``task.sources()``, the number of the source of every training problem.
Deviations
    None.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream


@dataclass(frozen=True)
class EqualSources(Curriculum):
    """Equally many problems of every source."""

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers in random order.

        Raises:
            GuerdonError: if the task does not say which source its problems are from.
        """
        if not hasattr(task, "sources"):
            raise GuerdonError(f"EqualSources needs a task with sources, such as TwoSkills, got {type(task).__name__}")
        generator = stream.generator()
        source = task.sources()[: task.size("train")]
        kinds = source.unique()
        share, rest = divmod(count, len(kinds))
        extra = set(torch.randperm(len(kinds), generator=generator)[:rest].tolist())
        picked: list[int] = []
        for number, kind in enumerate(kinds.tolist()):
            mine = (source == kind).nonzero().squeeze(1)
            wanted = share + (number in extra)
            rounds = -(-wanted // len(mine))
            order = torch.cat([torch.randperm(len(mine), generator=generator) for _ in range(rounds)] or [mine[:0]])
            picked += mine[order[:wanted]].tolist()
        return [picked[at] for at in torch.randperm(len(picked), generator=generator).tolist()]

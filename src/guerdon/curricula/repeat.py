"""Training on a few chosen problems, each repeated to fill the batch (one_shot).

Idea
    The same problem many times in a batch is a larger group for it, cut into groups of the usual size.
Reads
    Nothing.
Deviations
    Where the batch is no multiple of the number of problems, the stream says which ones come once more.
"""

from dataclasses import dataclass
from typing import Any

import torch

from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream


def repeated(problems: tuple[int, ...], count: int, stream: Stream) -> list[int]:
    """``count`` numbers, each of ``problems`` equally often up to one."""
    start = int(torch.randint(len(problems), (), generator=stream.generator()))
    return [problems[(start + place) % len(problems)] for place in range(count)]


@dataclass(frozen=True)
class Repeat(Curriculum):
    """These problems only, over and over."""

    problems: tuple[int, ...] = (0,)
    """Numbers of training problems."""

    def __post_init__(self) -> None:
        if not self.problems or min(self.problems) < 0:
            raise GuerdonError(f"Repeat.problems must be one or more numbers of problems, got {self.problems}")

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers.

        Raises:
            GuerdonError: if the task has no such problem.
        """
        size = task.size("train")
        if size is not None and max(self.problems) >= size:
            raise GuerdonError(
                f"Repeat.problems must be numbers below {size}, the size of the training split, got {self.problems}"
            )
        return repeated(self.problems, count, stream)

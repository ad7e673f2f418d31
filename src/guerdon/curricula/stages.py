"""Stages: easy problems first, harder ones as the run goes on.

Idea
    What is learned on easy problems (yes or no, short tasks) is what makes the hard ones solvable at all.
Maths
    Stage k lasts while the progress of the run is below ``until[k]``, the last one to the end. Problems are uniform over
    those of the stage; with ``cumulative`` over those of all stages so far, one of the newest being drawn ``newest``
    times as often as another.
Reads
    ``run.progress``; the stage of each training problem, from 0: ``task.sources()``, or ``problem.meta[by]``.
Deviations
    The progress is that of the last rollout, one step behind. A stage without problems has those of the stage before it.
    What some systems do between stages, a new reference policy and optimiser, is a run of its own per stage.
"""

import itertools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream


class Progress(nn.Module):
    """How much of the run is done, and the stages of the problems once they were read."""

    done: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("done", torch.zeros((), dtype=torch.float64))
        self.stages: Tensor | None = None


@dataclass(frozen=True)
class Stages(Curriculum):
    """Problems of stage k while the progress is below ``until[k]``."""

    until: tuple[float, ...] = (1 / 3, 2 / 3)
    """Progress at which each stage but the last ends, ascending."""
    by: str | None = None
    """Key of ``problem.meta`` for the stage, 0 where a problem has none; None: ``task.sources()``."""
    cumulative: bool = False
    """Keep the problems of earlier stages."""
    newest: float = 2.0
    """How many times as often a problem of the newest stage comes then."""

    reads = ("run.progress",)

    def __post_init__(self) -> None:
        ends = (0.0, *self.until, 1.0)
        if not self.until or any(not a < b for a, b in itertools.pairwise(ends)):
            raise GuerdonError(f"Stages.until must be one or more numbers in (0, 1), ascending, got {self.until}")
        if not self.newest > 0:
            raise GuerdonError(f"Stages.newest must be positive, got {self.newest}")

    def init_state(self) -> Progress:
        """The beginning."""
        return Progress()

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers; with replacement only if there are fewer problems."""
        if state.stages is None:
            state.stages = self.stages(task)
        now, stages = sum(float(state.done) >= end for end in self.until), state.stages
        reached = stages[stages <= now]
        newest = int(reached.max()) if len(reached) else int(stages.min())
        weight = (stages == newest).double() * (self.newest if self.cumulative else 1.0)
        if self.cumulative:
            weight = torch.where(stages < newest, torch.ones_like(weight), weight)
        few = int((weight > 0).sum()) < count
        return torch.multinomial(weight, count, replacement=few, generator=stream.generator()).tolist()

    def observe(self, batch: Batch, state: Any = None) -> None:
        """Note how far the run is."""
        state.done.fill_(float(batch["run.progress"]))

    def stages(self, task: Any) -> Tensor:
        """The stage of every training problem, ``[problems]``.

        Raises:
            GuerdonError: if the task does not say, or its problems are without end.
        """
        size = task.size("train")
        if size is None:
            raise GuerdonError("Stages needs a task with a fixed number of training problems, got one without end")
        if self.by is None and hasattr(task, "sources"):
            return task.sources()[:size].long()
        if self.by is None or not hasattr(task, "problem"):
            raise GuerdonError(
                f"Stages needs a task with sources, such as TwoSkills, or problems and a key in by, got "
                f"{type(task).__name__} and by={self.by!r}"
            )
        found = [task.problem("train", number).meta.get(self.by, 0) for number in range(size)]
        if not all(isinstance(stage, int) and stage >= 0 for stage in found):
            raise GuerdonError(f"Stages needs whole numbers from 0 in meta[{self.by!r}], got {set(map(repr, found))}")
        return torch.tensor(found)

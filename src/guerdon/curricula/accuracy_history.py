"""The problems whose accuracy fluctuates most in a pilot (one_shot).

Idea
    A problem that is solved in some epochs and not in others is neither out of reach nor learned for good: such
    examples teach most, a single one of them already much.
Maths
    ``acc[e, x]``: mean outcome of problem x in epoch e. ``score(x) = std_e acc[e, x]`` (population). ``alignment`` (LIM):
    ``1 - sum_e (acc - mean_e)^2 / sum_e (1 - mean_e)^2`` with ``mean_e`` over the problems.
Reads
    ``column``, an outcome in 0..1; ``group.problem_id``.
Deviations
    Histories of unequal length are cut to the shortest; ties keep the order of the problems. An epoch in which a problem
    was unscored is left out of its score. The paper goes on from the base model after the pilot: take ``ranking`` and
    ``Repeat``; with ``keep`` the same run goes on with the chosen ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch
from guerdon.curricula.repeat import repeated
from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream

Score = Literal["std", "alignment"]


def scores(histories: Sequence[Sequence[float]], how: Score = "std") -> Tensor:
    """One number per problem from its accuracies, NaN where it was unscored; float64 ``[problems]``."""
    epochs = min(map(len, histories), default=0)
    table = torch.tensor([list(history)[:epochs] for history in histories], dtype=torch.float64)
    if not table.numel():
        return torch.zeros(len(histories), dtype=torch.float64)
    known = table.isfinite()
    count, over = known.sum(1).clamp(min=1), known.sum(0).clamp(min=1)
    table = torch.where(known, table, 0.0)
    if how == "std":
        centered = torch.where(known, table - (table.sum(1) / count)[:, None], 0.0)
        return (centered.square().sum(1) / count).sqrt()
    mean = table.sum(0) / over
    apart = torch.where(known, (table - mean).square(), 0.0).sum(1)
    room = torch.where(known, (1 - mean).square(), 0.0).sum(1)
    return 1 - apart / room.clamp(min=1e-12)


def ranking(histories: Sequence[Sequence[float]], how: Score = "std") -> list[int]:
    """Places of the problems in ``histories``, highest score first."""
    return scores(histories, how).argsort(descending=True, stable=True).tolist()


class Histories(nn.Module):
    """Accuracies of every problem seen so far, one per epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[int, list[float]] = {}

    def add(self, problem: int, accuracy: float) -> None:
        """Append an epoch's accuracy."""
        self.of.setdefault(problem, []).append(accuracy)

    def ranked(self, how: Score = "std") -> list[int]:
        """Numbers of the problems, highest score first; ties by number."""
        problems = sorted(self.of)
        return [problems[place] for place in ranking([self.of[problem] for problem in problems], how)]

    def get_extra_state(self) -> Tensor:
        """One row (problem, accuracy) per record, in order; for checkpoints."""
        rows = [(float(problem), accuracy) for problem, past in self.of.items() for accuracy in past]
        return torch.tensor(rows, dtype=torch.float64).reshape(-1, 2)

    def set_extra_state(self, state: Tensor) -> None:
        """Counterpart of ``get_extra_state``."""
        self.of = {}
        for problem, accuracy in state.cpu().tolist():
            self.add(int(problem), accuracy)


@dataclass(frozen=True)
class AccuracyHistory(Curriculum):
    """Epochs over all problems that record accuracies; then only the ``keep`` that fluctuated most."""

    epochs: int = 8
    """Length of the pilot."""
    keep: int | None = 1
    """Problems to go on with; None: the pilot goes on."""
    score: Score = "std"
    """What ranks them."""
    column: str = "traj.reward"
    """The outcome whose group mean is the accuracy."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or (self.keep is not None and self.keep < 1):
            raise GuerdonError(
                f"AccuracyHistory needs epochs and keep of at least 1, got {self.epochs} and {self.keep}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The outcome and the problems."""
        return (self.column, "group.problem_id")

    def init_state(self) -> Histories:
        """No records."""
        return Histories()

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """The problems with the fewest records, in random order; after the pilot the chosen ones, repeated.

        Raises:
            GuerdonError: if the task's problems are without end.
        """
        size = task.size("train")
        if size is None:
            raise GuerdonError(
                "AccuracyHistory needs a task with a fixed number of training problems, got one without end"
            )
        records = torch.tensor([len(state.of.get(problem, ())) for problem in range(size)])
        if self.keep is not None and int(records.min()) >= self.epochs:
            return repeated(tuple(state.ranked(self.score)[: self.keep]), count, stream)
        shuffled = torch.randperm(size, generator=stream.generator())
        ordered = shuffled[records[shuffled].argsort(stable=True)]
        return ordered.repeat(count // size + 1)[:count].tolist()

    def observe(self, batch: Batch, state: Any = None) -> None:
        """Record the mean outcome of each problem, NaN where none of its responses is scored."""
        outcome, problem = batch[self.column], batch["traj.problem_id"]
        numbers, index = problem.unique(return_inverse=True)
        scored = outcome.isfinite()
        means = segment.mean(outcome, index, len(numbers), scored)
        counts = segment.count(index, len(numbers), scored)
        for number, mean, count in zip(numbers.tolist(), means.tolist(), counts.tolist(), strict=True):
            state.add(number, mean if count else torch.nan)

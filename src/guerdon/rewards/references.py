"""What the scorer of a run says about stored reference answers (par).

Idea
    A score means little by itself; next to the score of an answer that the supervised model gave, it means something.
    References are sampled once before training and come with the problem.
Reads
    ``group.problem``: the texts in ``meta[key]``, or else the reference answer; the task of the run.
Deviations
    They are scored anew whenever their problem comes up; a scorer that is slow should keep its own results. One that
    cannot be scored is left out (NaN).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.rewards.guard import Guard
from guerdon.rollouts.sample import as_text
from guerdon.tasks.problem import Problem, ProblemTask


@dataclass(frozen=True)
class ReferenceRewards(Transform):
    """``group.reference_reward``: scores of up to ``most`` reference answers, NaN where a problem has fewer."""

    path: str | None = None
    """The scoring function, as ``package.module:name`` (see ``Function``); None: the task's own scorer."""
    key: str = "references"
    """Where a problem's ``meta`` holds the texts of its references."""
    most: int = 1
    """M: references per problem, the first ones."""
    guard: Guard = field(default_factory=Guard)
    """How the function is called."""

    reads = ("group.problem", "run.task")
    writes = ("group.reference_reward",)

    def __post_init__(self) -> None:
        if self.most < 1:
            raise GuerdonError(f"ReferenceRewards.most must be at least 1, got {self.most}")
        if self.path is not None and not all(self.path.partition(":")):
            raise GuerdonError(f"ReferenceRewards.path must be package.module:name, got {self.path!r}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.reference_reward``, ``[group, most]``.

        Raises:
            GuerdonError: if there is no function and the run's task has no verifier.
        """
        task = batch["run.task"]
        if self.path is None and not isinstance(task, ProblemTask):
            raise GuerdonError(
                f"ReferenceRewards needs a task with a verifier or a function, got {type(task).__name__}; set path"
            )
        problems: list[Problem] = batch["group.problem"]
        places = [(row, text) for row, problem in enumerate(problems) for text in self._texts(problem)]
        if self.path is None:
            function, calls = task.score, [(problems[row], text) for row, text in places]
        else:
            function = self.path
            calls = [
                {"prompt": as_text(problems[row]), "response": text, "problem": problems[row]} for row, text in places
            ]
        table = torch.full((len(problems), self.most), math.nan, device=batch.device)
        filled = [0] * len(problems)
        for (row, _), outcome in zip(places, self.guard(function, calls), strict=True):
            table[row, filled[row]] = outcome.value if isinstance(outcome.value, float) else math.nan
            filled[row] += 1
        return {"group.reference_reward": table}

    def _texts(self, problem: Problem) -> list[str]:
        stored = problem.meta.get(self.key)
        texts = [problem.answer] if stored is None else [stored] if isinstance(stored, str) else list(stored)
        return [text for text in texts if text is not None][: self.most]

"""Puzzles made of reference solutions: fill in masked steps, or put shuffled steps in order (mr_rlvr).

Idea
    A reference solution says more than its result. Hiding some of its steps, or their order, makes tasks about the way
    that a rule can judge, before the outcome is trained.
Maths
    The solution is cut at ``separator``. ``mask``: some steps become ``_``, and the answer is these steps, one a line.
    ``order``: the steps are shuffled, never into their own order, and labelled a, b, c ...; the answer is the labels in
    the right order.
Reads
    ``problem.answer`` of another task's problems.
Deviations
    MR-RLVR masks formulas and names that a teacher points out; here whole steps. A problem that cannot be used (too few
    steps, equal steps to order, or only steps that can be read elsewhere) is replaced by the next one.
"""

import random
import string
from dataclasses import dataclass
from typing import Literal

from guerdon.base import TaskSpec
from guerdon.errors import GuerdonError
from guerdon.scorers.fills import Fills
from guerdon.scorers.permutation import Permutation
from guerdon.tasks.problem import Problem


@dataclass(frozen=True)
class StepPuzzles(TaskSpec):
    """The problems of ``task`` with their solutions masked or shuffled."""

    task: TaskSpec
    """A task of problems whose answers are solutions."""
    kind: Literal["mask", "order"] = "mask"
    """What to make of a solution."""
    masks: int = 1
    """Steps to mask."""
    separator: str = "\n"
    """What stands between steps; empty: every character is a step."""
    leaks: bool = False
    """Mask steps too that stand elsewhere in the prompt or the solution."""
    seed: int = 0
    """Of masks and shuffles."""

    def __post_init__(self) -> None:
        if self.masks < 1:
            raise GuerdonError(f"StepPuzzles.masks must be at least 1, got {self.masks}")

    def size(self, split: str) -> int | None:
        """As many as the other task has."""
        return self.task.size(split)  # pyright: ignore[reportAttributeAccessIssue]

    def problem(self, split: str, number: int) -> Problem:
        """Puzzle ``number`` of a split.

        Raises:
            GuerdonError: if none of the problems from there on can be used.
        """
        size = self.size(split)
        for place in range(size or 1000):
            inner: Problem = self.task.problem(  # pyright: ignore[reportAttributeAccessIssue]
                split, number + place if size is None else (number + place) % size
            )
            source = random.Random(f"{self.seed} {split} {number}")
            made = (self._masked if self.kind == "mask" else self._shuffled)(inner, source)
            if made is not None:
                return made
        raise GuerdonError(f"no problem of {type(self.task).__name__} has steps that StepPuzzles can {self.kind}")

    def score(self, problem: Problem, response: str) -> float:
        """Share of right fills, or of steps in their place."""
        return Fills()(problem, response) if self.kind == "mask" else Permutation()(problem, response)

    def _steps(self, problem: Problem) -> list[str]:
        text = (problem.answer or "").strip()
        return [step for step in (text.split(self.separator) if self.separator else text) if step.strip()]

    def _masked(self, inner: Problem, source: random.Random) -> Problem | None:
        steps = self._steps(inner)
        open_to = [
            place
            for place, step in enumerate(steps)
            if self.leaks or (steps.count(step) == 1 and step not in str(inner.prompt))
        ]
        if len(open_to) < self.masks:
            return None
        hidden = sorted(source.sample(open_to, self.masks))
        shown = self.separator.join("_" if place in hidden else step for place, step in enumerate(steps))
        answer = [steps[place] for place in hidden]
        return Problem(inner.id, f"{inner.prompt}{shown}\n", "\n".join(answer), {"masks": answer})

    def _shuffled(self, inner: Problem, source: random.Random) -> Problem | None:
        steps = self._steps(inner)
        if not 2 <= len(steps) <= len(string.ascii_lowercase) or len(set(steps)) < len(steps):
            return None
        places = list(range(len(steps)))
        while places == sorted(places):
            source.shuffle(places)
        labels = string.ascii_lowercase[: len(steps)]
        shown = " ".join(f"{label}:{steps[place]}" for label, place in zip(labels, places, strict=True))
        order = [labels[places.index(step)] for step in range(len(steps))]
        return Problem(inner.id, f"{inner.prompt}{shown}\n", " ".join(order), {"order": order})

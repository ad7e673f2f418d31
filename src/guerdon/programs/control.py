"""A runner that trains by a recipe: any environment, policy and optimiser that the library has.

Idea
    The program takes the place of the environment's reward, the environment's own return is the task score, and the
    program's components are the series that a reflection shows.
Reads
    What the log says of each step: ``return`` (or another number) and ``program/<component>``.
Deviations
    None; with ``isolate`` every batch costs one start of the sandbox, about a quarter of a second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from guerdon.errors import GuerdonError
from guerdon.loop import train
from guerdon.programs.program import Program
from guerdon.programs.search import TASK_SCORE, Trained
from guerdon.recipe import Recipe
from guerdon.rewards.program import RewardProgram


@dataclass(frozen=True)
class RecipeRunner:
    """``runner(program, seed)`` by training with a recipe."""

    recipe: Recipe
    """Task, policy, rollout, advantage, objective and update; its rewards are replaced."""
    fields: Mapping[str, str]
    """Field of the spec -> column of the batch, as in ``RewardProgram``."""
    steps: int = 10
    """Turns of the loop."""
    score: str = "return"
    """The logged number that is the task score."""
    isolate: bool = True
    """Evaluate programs in the sandbox."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise GuerdonError(f"RecipeRunner.steps must be at least 1, got {self.steps}")

    def with_program(self, program: Program) -> Recipe:
        """The recipe that is trained."""
        found = program.evaluate(program.spec.examples(), isolate=self.isolate)
        piece = RewardProgram(
            program.source,
            {name: self.fields[name] for name in program.spec.fields},
            program.spec.form,
            tuple(sorted(found.components)),
            max_abs=program.spec.max_abs,
            isolate=self.isolate,
        )
        return replace(self.recipe, rewards=(piece,))

    def __call__(self, program: Program, seed: int) -> Trained:
        """Train with a program."""
        result = train(self.with_program(program), steps=self.steps, seed=seed)
        series: dict[str, list[float]] = {TASK_SCORE: []}
        for entry in result.metrics:
            if self.score in entry:
                series[TASK_SCORE].append(entry[self.score])
            for name, value in entry.items():
                if name.startswith("program/"):
                    series.setdefault(name.removeprefix("program/"), []).append(value)
        return Trained(series, policy=result.policy)

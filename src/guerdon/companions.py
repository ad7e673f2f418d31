"""What suits a task: the policy and the rollout of a recipe that leaves them open, or was written for other tasks.

Idea
    Most methods do not care what is sampled. A recipe for prompts trains on a token tree or an environment once its
    rollout is exchanged, so the command line exchanges it, and says so.
"""

from dataclasses import replace
from typing import Any

from guerdon.catalogue import pieces
from guerdon.piece import Piece
from guerdon.recipe import Recipe
from guerdon.tasks.problem import ProblemTask

COMPANIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "TokenTree": ("Tabular", ("SampleTree",)),
    "HyperGrid": ("Flow", ("Construct",)),
}
"""Task -> its default policy, and the rollouts that sample it, the default first."""
PROBLEMS = ("TinyLM", ("Sample",))
"""The same for tasks of problems, which also go with every rollout that is no other task's."""
TEXT = frozenset({"group.problem", "group.prompt", "traj.response"})
"""Columns that only rollouts of problems write."""


def completed(recipe: Recipe) -> tuple[Recipe, list[str]]:
    """The recipe made to suit its task, and sentences about what was exchanged for that.

    What it leaves open is filled in: policy, rollout, and a verifier where a reward is read and none is made. A rollout
    of another family of tasks is exchanged, and rewards that score text are then left out.
    """
    family, problems = type(recipe.task).__name__, isinstance(recipe.task, ProblemTask)
    if not problems and family not in COMPANIONS:
        return recipe, []
    policy, rollouts = COMPANIONS.get(family, PROBLEMS)
    notes: list[str] = []
    if recipe.rollout is not None and family_of(recipe.rollout) != (None if problems else family):
        notes.append(f"{type(recipe.rollout).__name__} does not sample a {family}: the rollout is {rollouts[0]}")
        kept = tuple(piece for piece in recipe.rewards if problems or not TEXT & set(piece.reads))
        left_out = [type(piece).__name__ for piece in recipe.rewards if piece not in kept]
        notes += [f"{name} scores text, so it is left out: {family} brings its own reward" for name in left_out]
        recipe = replace(recipe, rollout=None, rewards=kept)
    known = pieces()
    recipe = replace(recipe, policy=recipe.policy or known[policy](), rollout=recipe.rollout or known[rollouts[0]]())
    if problems and reads_reward(recipe):
        recipe = replace(recipe, rewards=(*recipe.rewards, known["Verifier"]()))
    return recipe, notes


def family_of(rollout: Piece) -> str | None:
    """The task that a rollout samples; None for tasks of problems."""
    name = type(rollout).__name__
    return next((task for task, (_, rollouts) in COMPANIONS.items() if name in rollouts), None)


def reads_reward(recipe: Recipe) -> bool:
    """Whether a trajectory's reward is read and no piece makes a component of it."""
    written: set[Any] = {name for _, piece in recipe.flow() for name in piece.writes}
    wanted = any(name.startswith("traj.reward") for name in recipe.reads())
    return wanted and not any(name.startswith(("traj.reward/", "step.reward")) for name in written)

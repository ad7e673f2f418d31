"""The toy of the length papers: how long to think, and two measures of a run on it."""

import dataclasses
from typing import Any

from guerdon.loop import Result
from guerdon.paper import Evidence
from guerdon.papers._proxy import compare, finals, last
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.chain_length import ChainLength
from guerdon.update import Update

STEPS = 300
LENGTH, ACCURACY = last("length", 50), last("reward/task", 50)
"""Mean response length and share of right responses over the last 50 steps."""


def chain(recipe: Recipe, minibatches: int = 1) -> Recipe:
    """The recipe on ``ChainLength``: 16 prompts x 8 responses per step, on policy, a linear policy of 4 weights."""
    rewards = tuple(_renamed(piece) for piece in recipe.rewards if not isinstance(piece, Verifier))
    return dataclasses.replace(
        recipe,
        task=ChainLength(),
        policy=Linear(),
        rollout=SampleTree(prompts=16, samples_per_prompt=8),
        rewards=rewards,
        shaping=tuple(_renamed(piece) for piece in recipe.shaping),
        objective=dataclasses.replace(recipe.objective, surrogate=_renamed(recipe.objective.surrogate)),
        update=Update(lr=0.02, minibatches=minibatches),
    )


def shorter(ours: Recipe, baseline: Recipe, steps: int = STEPS) -> Evidence:
    """Evidence for "ours gives shorter responses", three paired seeds; the note has the accuracies as well."""
    lengths, accuracies = [], []
    for recipe in (ours, baseline):
        solved: list[float] = []

        def measure(result: Result, task: Any, solved: list[float] = solved) -> float:
            solved.append(ACCURACY(result, task))
            return LENGTH(result, task)

        lengths.append(finals(recipe, steps, measure, (0, 1, 2)))
        accuracies.append(sum(solved) / len(solved))
    evidence = compare(lengths[0], lengths[1], f"response length after {steps} steps", lower=True)
    note = f"{evidence.note}; accuracy {accuracies[0]:.3f} against {accuracies[1]:.3f}"
    return dataclasses.replace(evidence, note=note)


def _renamed(piece):  # type: ignore[no-untyped-def]
    """The piece with its outcome under the task's name for it."""
    names = {field.name for field in dataclasses.fields(piece)}
    if "correct" in names:
        piece = dataclasses.replace(piece, correct="traj.reward/task")
    if "weights" in names and "correct" in piece.weights:
        piece = dataclasses.replace(piece, weights={"task": piece.weights["correct"]})
    return piece

"""From data to online training on a maze: what happens to values and returns at the switch, exactly."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from guerdon.batch import Batch
from guerdon.loop import Trainer
from guerdon.recipe import Recipe
from guerdon.rollouts.transitions import return_to_go
from guerdon.tasks.maze import Maze


@dataclass(frozen=True)
class Switched:
    """One number per seed each."""

    shortfall: list[float] = field(default_factory=list)
    """How far the pre-trained values of the policy's actions lie below what the data earned, mean over its steps."""
    fall: list[float] = field(default_factory=list)
    """The largest fall of the return below that before the switch."""
    end: list[float] = field(default_factory=list)
    """The return at the end."""


def switched(before: Recipe, after: Recipe, steps: tuple[int, int], discount: float, seeds: Sequence[int]) -> Switched:
    """Train by ``before`` on data, go on by ``after``; the recipes' task is an ``Offline`` maze."""
    found, offline_task = Switched(), before.task
    maze: Any = getattr(offline_task, "environment", None)
    for seed in seeds:
        task: Any = replace(offline_task, seed=seed)  # pyright: ignore[reportArgumentType, reportCallIssue]
        offline = Trainer(replace(before, task=task), steps=steps[0], seed=seed)
        for _ in range(steps[0]):
            offline.train_step()
        values = [start_value(offline, maze, discount)]
        found.shortfall.append(shortfall(offline, task.data(), discount))
        online = Trainer(replace(after, task=task), steps=steps[1], seed=seed, policy=offline.policy)
        for _ in range(steps[1]):
            online.train_step()
            values.append(start_value(online, maze, discount))
        found.fall.append(values[0] - min(values))
        found.end.append(values[-1])
    return found


def start_value(trainer: Trainer, maze: Maze, discount: float) -> float:
    """Exact discounted return of the policy from the start; on the usual maze the best is 6.14 at discount 0.97."""
    with torch.no_grad():
        prob = trainer.policy.actor(torch.eye(maze.observation_size)).logits.softmax(1)  # pyright: ignore[reportCallIssue]
    return float(maze.mdp(discount).policy_value(prob)[maze.starts[0]])


def shortfall(trainer: Trainer, data: Batch, discount: float) -> float:
    """How far the values of the policy's actions lie below what the data went on to earn; mean over its steps."""
    with torch.no_grad():
        out = trainer.policy.evaluate(data, frozenset({"action.choice_q", "action.choice_logprob"}))
    value = (out["action.choice_logprob"].exp() * out["action.choice_q"].mean(1)).sum(1)
    return float((return_to_go(data, discount) - value).clamp(min=0).mean())

"""SRPO: Self-Referential Policy Optimization for Vision-Language-Action Models.

Idea
    Robots fail most of the time, and a failure that nearly made it should earn more than one that did nothing. The
    batch's own successes are the reference: failures earn by their distance to them in the space of a frozen encoder.
Maths
    Success 1; failure ``0.6 sigmoid(10 (0.5 - n))``, n the distance to the nearest cluster center of the same task's
    successes, scaled to 0..1 over its failures; without a success 0. Then GRPO per prompt with a KL penalty.
Reads
    ``traj.embedding``, ``traj.reward/correct``, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    Equations from the released code; the paper's text has z-scored distances instead. It acts only in a batch with a
    success, so it cannot start from none; a bank of earlier successes is not offered. The proxy's embedding is a count
    of actions, the encoder and the robot are left out, and the KL is 0; there, it is contradicted at every learning rate
    that was tried (``LOG.md``).
"""

import dataclasses
import math
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.success_progress import SuccessProgress
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.action_code import ActionCode
from guerdon.update import Update

SEEDS, STEPS = (0, 1, 2, 3, 4, 5), 300

RECIPE = Recipe(
    task=ActionCode(),
    policy=Tabular(),
    rollout=SampleTree(prompts=4, samples_per_prompt=16, reward="correct", extra=("traj.embedding",)),
    shaping=(SuccessProgress(),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(), regularizers=(KLPenalty(),)),
    update=Update(minibatches=2),
)
GRPO = dataclasses.replace(RECIPE, shaping=(WeightedSum(),))


def rewards(outcomes: list[float], points: list[list[float]]) -> list[float]:
    """Rewards of one group."""
    columns = {"traj.reward/correct": outcomes, "traj.embedding": torch.tensor(points, dtype=torch.float64)}
    return torch.as_tensor(SuccessProgress()(ragged([outcomes], columns=columns))["traj.reward"]).tolist()


@claim("Beside two like successes the nearest failure earns 0.6 sigmoid(5), the farthest 0.6 sigmoid(-5), a zero one 0")
def distances(seed: int) -> Evidence:
    points = [[5.0, 5.0], [5.0, 5.01], [5.0, 6.0], [9.0, 10.0], [-3.0, 5.0], [0.0, 0.0]]
    got = rewards([1.0, 1.0, 0.0, 0.0, 0.0, 0.0], points)
    high, low = (0.6 / (1 + math.exp(-x)) for x in (5.0, -5.0))
    wanted = [1.0, 1.0, high, got[3], low, 0.0]
    error = max(abs(a - b) for a, b in zip(got, wanted, strict=True))
    return Evidence(error if low < got[3] < high else math.nan, 0.0, 1e-9, note="largest error")


@claim("Two failures as far as each other earn 0.3 each; without a success all earn 0")
def alike(seed: int) -> Evidence:
    same = rewards([1.0, 0.0, 0.0], [[1.0, 1.0], [2.0, 1.0], [1.0, 2.0]])
    none = rewards([0.0, 0.0], [[1.0, 1.0], [2.0, 1.0]])
    error = max(abs(a - b) for a, b in zip([*same, *none], [1.0, 0.3, 0.3, 0.0, 0.0], strict=True))
    return Evidence(error, 0.0, 1e-9, note="largest error")


@cache
def trained(name: str) -> list[float]:
    """Exact success probability after training, per seed."""

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            return task.success(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]

    recipe = dataclasses.replace(
        {"srpo": RECIPE, "grpo": GRPO}[name],
        task=ActionCode(prompts=1),
        rollout=SampleTree(prompts=1, samples_per_prompt=16, reward="correct", extra=("traj.embedding",)),
        objective=dataclasses.replace(RECIPE.objective, regularizers=()),
        update=Update(lr=0.01),
    )
    return finals(recipe, STEPS, measure, SEEDS, stops=True)


@claim("From 0.1% success it ends at a higher success probability than GRPO on the outcome alone", tier="proxy")
def more_success(seed: int) -> Evidence:
    return compare(trained("srpo"), trained("grpo"), f"exact success probability after {STEPS} steps")


paper = Paper(
    title="SRPO: Self-Referential Policy Optimization for Vision-Language-Action Models",
    arxiv="2511.15605",
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"grpo": GRPO},
    claims=(distances, alike, more_success),
)

"""RECAP: Beyond Reasoning Gains, Mitigating General Capabilities Forgetting in Large Reasoning Models.

Idea
    Replay data of general skills during reasoning RL, and weigh the sources online by how their losses still move.
Maths
    ``advantages/progress_weight.py``: ``s = mu / mu~ + sigma / (mu + mu~)`` over two windows of W = 10 steps,
    ``lambda = K softmax(s / 5)``; ``L = (1/K) sum_k lambda_k L_k``. Sources sampled alike, no KL.
Reads
    ``traj.reward``, ``traj.source``, ``action.logprob``, ``action.old_logprob``.
Deviations
    A source's loss is 1 - mean reward. Third-party text says a ratio above 1 means improving; with losses it means the
    opposite, so the weight goes to what is not falling, and that is what is done here. Constants of the released code
    (alpha 0.5) are the composition ``code``; its annealing is left out.
"""

import dataclasses
from typing import Any

import torch

from guerdon.advantages.progress_weight import ProgressWeight
from guerdon.advantages.standardize import Standardize
from guerdon.curricula.equal_sources import EqualSources
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals, success
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.two_skills import TwoSkills
from guerdon.update import Update


def compose(weight: ProgressWeight) -> Recipe:
    """GRPO on two sources, weighed."""
    return Recipe(
        task=TwoSkills(),
        policy=Linear(),
        curriculum=EqualSources(),
        rollout=SampleTree(prompts=32, extra=("traj.source",)),
        advantage=(Standardize(), weight),
        objective=Objective(PPOClip(), weights=(RowWeight("traj.source_weight"),)),
        update=Update(lr=0.02, minibatches=2),
    )


RECIPE = compose(ProgressWeight(2))
CODE = compose(ProgressWeight(2, trend=0.5, noise=0.5))
UNIFORM = dataclasses.replace(RECIPE, advantage=(Standardize(),), objective=Objective(PPOClip()))
NO_REPLAY = dataclasses.replace(UNIFORM, task=TwoSkills(replay=False), rollout=SampleTree(prompts=16))
STEPS = 300


@claim("A loss that stays at 1 and one that fell from 2 to 1 get the weights 1.04996 and 0.95004")
def weights(seed: int) -> Evidence:
    history = torch.tensor([[1.0, 2.0]] * 10 + [[1.0, 1.0]] * 10, dtype=torch.float64)
    got = ProgressWeight(2).weights(history)
    error = (got - torch.tensor([1.04996, 0.95004], dtype=torch.float64)).abs().max()
    return Evidence(float(error), 0.0, 5e-6, note="largest error, in digits of the table")


def skill(number: int) -> Any:
    """Exact success probability on one skill: 0 new, 1 old."""

    def measure(result: Result, task: Any) -> float:
        return float(success(result, task)[task.sources() == number].mean())

    return measure


@claim("Training on the new skill alone costs more than 20 points of the old one; replay keeps them", tier="proxy")
def forgetting(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, STEPS, skill(1)) for recipe in (RECIPE, NO_REPLAY))
    return compare(ours, baseline, f"exact success probability on the old skill after {STEPS} steps", margin=0.2)


@claim("On the old skill it is within 2 points of uniform replay", tier="proxy")
def retained(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, STEPS, skill(1)) for recipe in (RECIPE, UNIFORM))
    return compare(ours, baseline, f"exact success probability on the old skill after {STEPS} steps", margin=-0.02)


@claim("On the new skill it is better than uniform replay", tier="proxy")
def learned(seed: int) -> Evidence:
    seeds = tuple(range(10, 18))
    ours, baseline = (finals(recipe, 100, skill(0), seeds) for recipe in (RECIPE, UNIFORM))
    return compare(ours, baseline, "exact success probability on the new skill after 100 steps")


paper = Paper(
    title="Beyond Reasoning Gains: Mitigating General Capabilities Forgetting in Large Reasoning Models",
    arxiv="2510.21978",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"code": CODE, "uniform": UNIFORM, "no_replay": NO_REPLAY},
    claims=(weights, forgetting, retained, learned),
)

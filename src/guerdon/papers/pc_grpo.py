"""Puzzle Curriculum GRPO for Vision-Centric Reasoning.

Idea
    Image puzzles that make their own answers (which patch fits, which rotation, a jigsaw with partial credit) as
    verifiable tasks; groups of medium success and of different answers weigh most; and a judge says whether the reasoning
    supports the answer.
Maths
    Patch and rotation pay 1 or 0, a jigsaw the share of tiles in place and 0 if the answer is no permutation.
    ``w_g = 4 p (1 - p)``, p the mean reward of the group, as a weight of its loss; the second version times
    ``(different answers - 1) / (G - 1)``. Right and consistent responses may earn 0.2 more.
Reads
    ``traj.response``, ``group.problem``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Known by its abstracts; both weights and the bonus are ours. A group of equal rewards has weight 0. The judge of 72B
    parameters is a rule here (``scorers/consistency.py``), and any judge takes its place through ``Function``; its mean
    is the paper's RAC. No pictures: the proxies place tiles by number, and the curriculum is tried on a bandit of mixed
    difficulty. Rotations of symmetric pictures have to be dropped from the data.
"""

import dataclasses
from typing import Any

import torch

from guerdon.advantages.medium_weight import MediumWeight
from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.piece import Transform
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.answer import Answer
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.consistency import Consistency
from guerdon.scorers.permutation import Permutation
from guerdon.shaping.choose import Choose
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.jigsaw import Jigsaw
from guerdon.tasks.problem import Problem
from guerdon.tasks.shared_features import SharedFeatures
from guerdon.update import Update

ORDER = Scored(Permutation(tag="answer"))


def compose(
    weight: MediumWeight | None, *rewards: Transform, shaping: tuple[Transform, ...] = (WeightedSum(),)
) -> Recipe:
    """GRPO on jigsaws with weighed groups."""
    return Recipe(
        rollout=Sample(),
        rewards=(ORDER, *rewards),
        shaping=shaping,
        advantage=(*([weight] if weight else []), Standardize()),
        objective=Objective(PPOClip(), weights=(RowWeight("group.weight"),) if weight else ()),
        update=Update(minibatches=4),
    )


RECIPE, GRPO = compose(MediumWeight()), compose(None)
EXPLORING = compose(MediumWeight("traj.answer"), Answer("text", tag="answer"))
BONUS = compose(
    MediumWeight(),
    Scored(Consistency()),
    shaping=(
        Choose("order", then="consistency", low=1.0, lazy=True, output="traj.reward/bonus"),
        WeightedSum({"consistency": 0.0, "bonus": 0.2}),
    ),
)


@claim("The order 0 1 3 2 is worth .5 and 0 1 3 3 nothing")
def orders(seed: int) -> Evidence:
    problem = Problem(0, "?", meta={"order": [0, 1, 2, 3]})
    got = [Permutation()(problem, text) for text in ("0 1 3 2", "0 1 3 3", "0 1 2 3", "0 1 2")]
    return Evidence(float(got == [0.5, 0.0, 1.0, 0.0]), 1.0, 1.0, note="1 if so")


@claim("Groups with rewards 1, 0 weigh 1, all right or all wrong 0, and equal answers 0")
def weights(seed: int) -> Evidence:
    columns = {"traj.answer": ["a", "b", "a", "a", "a", "b", "a", "a"]}
    batch = ragged([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]], columns=columns)
    got = [torch.as_tensor(MediumWeight(by)(batch)["group.weight"]).tolist() for by in (None, "traj.answer")]
    return Evidence(float(got == [[1, 0, 0, 1], [1, 0, 0, 0]]), 1.0, 1.0, note="1 if so")


def jigsaw(graded: bool) -> Recipe:
    """One puzzle of 6 tiles, 8 orders per step."""
    return Recipe(
        task=Jigsaw(graded=graded),
        policy=Linear(),
        rollout=SampleTree(prompts=1, samples_per_prompt=8),
        advantage=(Standardize(),),
        objective=Objective(Reinforce()),
        update=Update(lr=0.05),
    )


def exact(result: Result, task: Any) -> float:
    """Chance of the right order."""
    with torch.no_grad():
        return task.solved(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]


@claim("On a jigsaw of 6 tiles, partial credit finds the order more surely than all or nothing", tier="proxy")
def partial_credit(seed: int) -> Evidence:
    ours, baseline = (finals(jigsaw(graded), 600, exact, range(10), stops=True) for graded in (True, False))
    return compare(ours, baseline, "exact chance of the right order after 600 steps")


@claim("And sooner", tier="proxy")
def sooner(seed: int) -> Evidence:
    ours, baseline = (finals(jigsaw(graded), 150, exact, range(20, 30), stops=True) for graded in (True, False))
    return compare(ours, baseline, "exact chance of the right order after 150 steps, seeds of its own")


def mixed(weighed: bool) -> Recipe:
    """Prompts of mixed difficulty that share features; the other half is for the test."""
    recipe = RECIPE if weighed else GRPO
    return dataclasses.replace(
        recipe,
        task=SharedFeatures(),
        policy=Linear(),
        rollout=SampleTree(prompts=32, samples_per_prompt=8),
        rewards=(),
        update=Update(lr=0.02, minibatches=4),
    )


@claim("On prompts of mixed difficulty, the weights help on held-out prompts", tier="proxy")
def curriculum(seed: int) -> Evidence:
    ours, baseline = (finals(mixed(weighed), 200, solved(slice(96, None))) for weighed in (True, False))
    return compare(ours, baseline, "exact success probability on held-out prompts after 200 steps")


paper = Paper(
    title="Puzzle Curriculum GRPO for Vision-Centric Reasoning",
    arxiv="2512.14944",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"grpo": GRPO, "exploring": EXPLORING, "bonus": BONUS},
    claims=(orders, weights, partial_credit, sooner, curriculum),
)

"""CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks.

Idea
    Reward each action on a screen by its parts (kind, then place, text, direction or app), judge what cannot be matched,
    and train on short tasks before long ones.
Maths
    ``r = 1[format] (.1 + 1[type] (.3 + .6 p))`` (``scorers/gui_action.py``). The difficulty of a task is its number of
    steps, in thirds; stages: easy, easy and medium, all, one of the newest band coming twice as often. GRPO with KL 0.001.
Reads
    ``traj.response``, ``group.problem`` (the true action, the band), ``action.logprob``, ``action.old_logprob``,
    ``action.ref_logprob``.
Deviations
    Known by its abstract: weights, stages and rules are ours. Questions about a screen, which a model judges, take
    another reward beside this one (``Function``, or ``RougeL`` where there is no judge) and are left out. The toy has
    single actions and no curriculum; what stages do is tried in ``papers/curr_reft.py``.
"""

import json
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.stages import Stages
from guerdon.curricula.uniform import Uniform
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Curriculum
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.gui_action import GuiAction
from guerdon.tasks.problem import Problem
from guerdon.tasks.typed_actions import TypedActions
from guerdon.update import Update


def compose(curriculum: Curriculum, weights: tuple[float, float, float] = (0.1, 0.3, 0.6)) -> Recipe:
    """GRPO with credit for the parts of an action."""
    return Recipe(
        curriculum=curriculum,
        rollout=Sample(),
        rewards=(Scored(GuiAction(weights)),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(Stages(by="band", cumulative=True))


@claim("A right click earns 1, one outside of the box .4, another kind of action .1 and a bad format 0")
def parts(seed: int) -> Evidence:
    problem = Problem(0, "?", meta={"action": {"action": "click", "box": [10, 10, 20, 20]}})
    said = [{"action": "click", "point": [15, 15]}, {"action": "click", "point": [25, 15]}, {"action": "back"}]
    got = [GuiAction()(problem, text) for text in (*map(json.dumps, said), "click it")]
    error = max(abs(a - b) for a, b in zip(got, (1.0, 0.4, 0.1, 0.0), strict=True))
    return Evidence(error, 0.0, 1e-9, note="largest error")


STEPS = 1000


@cache
def runs(binary: bool) -> tuple[float, ...]:
    """Exact chance of the right action in held-out states, per seed."""
    recipe = Recipe(
        task=TypedActions(binary=binary),
        policy=Linear(),
        rollout=SampleTree(prompts=16, samples_per_prompt=8),
        advantage=(Standardize(),),
        objective=Objective(Reinforce()),
        update=Update(lr=0.02),
    )

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            return task.accuracy(result.policy.rows(torch.arange(task.contexts)))  # pyright: ignore[reportCallIssue]

    return tuple(finals(recipe, STEPS, measure))


@claim("Credit for the parts gets more actions right than all or nothing, by over 0.05", tier="proxy")
def parts_help(seed: int) -> Evidence:
    what = f"exact chance of the right action in held-out states after {STEPS} steps"
    return compare(runs(False), runs(True), what, margin=0.05)


paper = Paper(
    title="CRAFT-GUI: Curriculum-Reinforced Agent For GUI Tasks",
    arxiv="2508.11360",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"mixed": compose(Uniform()), "binary": compose(Uniform(), (0.0, 0.0, 1.0))},
    claims=(parts, parts_help),
)

"""Shop-R1: Rewarding LLMs to Simulate Human Behavior in Online Shopping via Reinforcement Learning.

Idea
    Reward a simulated shopper step by step: valid JSON, a confident rationale, the right kind of action, its attributes,
    its text; and pay the hard texts a thousand times more, so that always leaving the shop does not pay.
Maths
    ``R = .5 1[JSON] + v(a) + .005 s(rationale)``, v as in ``scorers/shop_action.py`` with D = 1000, s as in
    ``rewards/self_certainty.py``; GRPO with KL 0.001.
Reads
    ``traj.response``, ``group.problem``, ``action.old_entropy``, ``action.logprob``, ``action.old_logprob``,
    ``action.ref_logprob``.
Deviations
    The reward table is known at second hand. A finding of ours: divided by the group's std, D cannot move the balance
    between prompts, since it only weighs inside a group; without the division it does. ``Recipe.check`` says so where the
    difficulty is a scale of the prompt, which is how the recipe here has it. With D on the text alone (``inside``, as
    published) no group cancels exactly and no lint can see it, but the claims do. ``centered`` is what works. The
    certainty is that of the whole response, and of a vocabulary of 320. Without SFT.
"""

import dataclasses
import json
import math
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.problem_number import ProblemNumber
from guerdon.rewards.scored import Scored
from guerdon.rewards.self_certainty import SelfCertainty
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.shop_action import ShopAction
from guerdon.shaping.group_scale import GroupScale
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.shop_sessions import ShopSessions
from guerdon.update import Update

NORMALIZED, CENTERED = Standardize(), Standardize(scale="none")
KINDS = {"terminate": 1.0, "click": 1000.0, "type_and_submit": 1000.0}
TOTAL = WeightedSum({"certainty": 0.005})


def compose(advantage: Standardize, rewards: tuple[Transform, ...], *shaping: Transform) -> Recipe:
    """GRPO with these rewards beside the certainty."""
    return Recipe(
        rollout=Sample(),
        rewards=(*rewards, SelfCertainty(320)),
        shaping=(TOTAL, *shaping),
        advantage=(advantage,),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001),)),
        update=Update(minibatches=4),
    )


INSIDE = (Scored(ShopAction(1000.0)),)
BY_PROMPT = (Scored(ShopAction(1.0)), ProblemNumber("kind", KINDS, default=1.0))
SCALE = GroupScale("group.kind")
RECIPE = compose(NORMALIZED, BY_PROMPT, SCALE)
SCALED_CENTERED = compose(CENTERED, BY_PROMPT, SCALE)


@claim("Right actions are worth .3 (leave), 1000.5 (click) and 1000.6 (search), others 0; a sure token of 4: log(4)/4")
def table(seed: int) -> Evidence:
    leave, click = {"type": "terminate"}, {"type": "click", "name": "red shoes"}
    search = {"type": "type_and_submit", "name": "search box", "text": "red shoes"}
    pairs = [(leave, leave), (click, click), (click, leave), (search, search)]
    texts = [(Problem(0, "?", meta={"action": true}), json.dumps({"rationale": "", "action": a})) for true, a in pairs]
    got = [ShopAction()(problem, text)["action"] for problem, text in texts]
    batch = ragged([[0.0, 0.0]], columns={"token.old_entropy": [math.log(4), 0.0]})
    got += torch.as_tensor(SelfCertainty(4)(batch)["traj.reward/certainty"]).tolist()
    wanted = [0.3, 1000.5, 0.0, 1000.6, 0.0, math.log(4) / 4]
    return Evidence(max(abs(a - b) for a, b in zip(got, wanted, strict=True)), 0.0, 1e-9, note="largest error")


def energies(advantage: Standardize, weight: float) -> list[float]:
    """Sum of squared advantages of a prompt that ends and of one that goes on, half of each group right."""
    batch = ragged([[0.3, 0.0] * 4, [0.5 + weight, 0.0] * 4])
    squares = torch.as_tensor(advantage(batch)["traj.advantage"]).square()
    return squares.reshape(2, -1).sum(1).tolist()


@claim(
    "Divided by the std a prompt to go on weighs what one to leave does at D = 1 and 1000; undivided 10^7 times more"
)
def cancels(seed: int) -> Evidence:
    divided = [on / leave for leave, on in (energies(NORMALIZED, weight) for weight in (1.0, 1000.0))]
    leave, on = energies(CENTERED, 1000.0)
    assert abs(math.log10(on / leave) - 2 * math.log10(1000.5 / 0.3)) < 1e-9
    return Evidence(max(abs(ratio - 1) for ratio in divided), 0.0, 1e-4, note="largest |ratio - 1|, divided by the std")


@claim("The check of the recipe warns that the scale per prompt has no effect, and not where the std is left out")
def linted(seed: int) -> Evidence:
    said = [warning for warning in RECIPE.check() if "GroupScale" in warning]
    return Evidence(
        float(len(said) == 1 and "has no effect" in said[0] and not SCALED_CENTERED.check()), 1.0, 1.0, note="1 if so"
    )


STEPS = 300


@cache
def runs(advantage: Standardize, weight: float, binary: bool = False) -> tuple[tuple[float, ...], ...]:
    """(chance to leave, chance of the right item otherwise) per seed."""
    recipe = Recipe(
        task=ShopSessions(text_weight=weight, binary=binary),
        policy=Tabular(),
        rollout=SampleTree(prompts=32, samples_per_prompt=8),
        advantage=(advantage,),
        objective=Objective(Reinforce()),
        update=Update(lr=0.05, max_grad_norm=None),
    )
    found: list[tuple[float, ...]] = []

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            found.append(task.rates(result.policy.rows(torch.arange(task.contexts))))  # pyright: ignore[reportCallIssue]
        return 0.0

    finals(recipe, STEPS, measure)
    return tuple(zip(*found, strict=True))


def named(evidence: Evidence, *names: float) -> Evidence:
    """With the accuracies of the item named in the note."""
    return dataclasses.replace(
        evidence, note=f"{evidence.note}; right item {' against '.join(f'{name:.2f}' for name in names)}"
    )


def mean(values: tuple[float, ...]) -> float:
    """Of the seeds."""
    return sum(values) / len(values)


@claim("Undivided, D = 1000 makes it leave less often than a binary reward, by over 0.5", tier="proxy")
def stays(seed: int) -> Evidence:
    ours, baseline = runs(CENTERED, 1000.0), runs(CENTERED, 1000.0, True)
    found = compare(ours[0], baseline[0], f"chance to leave after {STEPS} steps", margin=0.5, lower=True)
    return named(found, mean(ours[1]), mean(baseline[1]))


@claim("And less often than D = 1, by over 0.3", tier="proxy")
def large_weight(seed: int) -> Evidence:
    ours, baseline = runs(CENTERED, 1000.0), runs(CENTERED, 1.0)
    found = compare(ours[0], baseline[0], f"chance to leave after {STEPS} steps", margin=0.3, lower=True)
    return named(found, mean(ours[1]), mean(baseline[1]))


@claim("Divided by the std, it leaves as often with D = 1000 as with a binary reward, within 0.05", tier="proxy")
def leaves(seed: int) -> Evidence:
    ours, baseline = runs(NORMALIZED, 1000.0), runs(NORMALIZED, 1000.0, True)
    found = compare(ours[0], baseline[0], f"chance to leave after {STEPS} steps", margin=-0.05)
    return named(found, mean(ours[1]), mean(baseline[1]))


@claim("With D = 1000, dividing makes it leave more often, by over 0.5", tier="proxy")
def division_decides(seed: int) -> Evidence:
    ours, baseline = runs(NORMALIZED, 1000.0), runs(CENTERED, 1000.0)
    found = compare(ours[0], baseline[0], f"chance to leave after {STEPS} steps, divided and not", margin=0.5)
    return named(found, mean(ours[1]), mean(baseline[1]))


paper = Paper(
    title="Shop-R1: Rewarding LLMs to Simulate Human Behavior in Online Shopping via Reinforcement Learning",
    arxiv="2507.17842",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={
        "inside": compose(NORMALIZED, INSIDE),
        "centered": compose(CENTERED, INSIDE),
        "scaled_centered": SCALED_CENTERED,
    },
    claims=(table, cancels, linted, stays, large_weight, leaves, division_decides),
)

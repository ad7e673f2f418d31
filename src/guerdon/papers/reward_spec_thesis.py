"""Effective Reward Specification in Deep Reinforcement Learning (a thesis): ASAF, constraints, goal-conditioned GFlowNets.

Idea
    Four ways to say what is wanted without tuning a sum: imitate by a discriminator that is the policy, demand averages
    and let multipliers find the weights, regularise towards coordination, ask for a trade-off.
Maths
    ``objectives/policy_discriminator.py``, ``shaping/constraints.py`` and ``shaping/focus.py``.
Reads
    Demonstrations beside samples; costs of every trajectory; several rewards and a wanted direction.
Deviations
    Recalled. Coordination of several agents (TeamReg, CoachReg) is not here, nor GAIL as a baseline; of the GFlowNet chapter
    only the reward. Imitation runs on token trees, constraints on a bandit with a cost instead of gridworlds.
"""

import dataclasses
import math
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.by_origin import MeanByOrigin
from guerdon.objectives.nll import NLL
from guerdon.objectives.policy_discriminator import PolicyDiscriminator
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.stored import Stored
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored
from guerdon.shaping.constraints import Constraints
from guerdon.shaping.focus import FocusReward
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.solvers.enumerate import expected_reward
from guerdon.tasks.token_tree import TokenTree
from guerdon.tasks.two_factors import TwoFactors
from guerdon.update import Update

ASAF = Recipe(
    task=TokenTree(prompts=10, vocab=4, depth=4),
    policy=Tabular(),
    rollout=WithStored(SampleTree(prompts=10, samples_per_prompt=2)),
    objective=Objective(PolicyDiscriminator(), MeanByOrigin()),
    update=Update(lr=0.1, epochs=4),
)
WHOLE = dataclasses.replace(ASAF, objective=Objective(PolicyDiscriminator(whole=True), MeanByOrigin()))
CLONING = dataclasses.replace(ASAF, rollout=Stored(prompts=10), objective=Objective(NLL()))
LIMIT = 0.75
DEMANDS = Constraints("task", costs=("cost",), limits=(LIMIT,), lr=0.1)
CONSTRAINED = Recipe(
    task=TwoFactors(),
    policy=Tabular(),
    rollout=SampleTree(prompts=16, samples_per_prompt=8, extra=("traj.reward/cost",)),
    shaping=(DEMANDS,),
    advantage=(Standardize(scale="none"),),
    objective=Objective(PPOClip()),
    update=Update(lr=0.05),
)
WEIGHTS = (0.1, 0.3, 1.0, 3.0, 10.0)


@claim("The discriminator's loss is 2 log 2 at the generator, and at the expert its exact gradient is 0")
def discriminator(seed: int) -> Evidence:
    expert, generator = torch.randn((2, 5), generator=torch.Generator().manual_seed(seed)).double().softmax(1)
    sampled = torch.arange(10) >= 5

    def loss(logits: torch.Tensor) -> torch.Tensor:
        columns = {"token.logprob": logits.log_softmax(0).repeat(2), "token.old_logprob": generator.log().repeat(2)}
        batch = ragged([[0.0] * 10], columns={**columns, "traj.sampled": sampled})
        return (torch.cat([expert, generator]) * PolicyDiscriminator()(batch).values).sum()

    at_expert = expert.log().requires_grad_()
    (slope,) = torch.autograd.grad(loss(at_expert), at_expert)
    error = max(float(slope.abs().max()), abs(float(loss(generator.log())) - 2 * math.log(2)))
    return Evidence(error, 0.0, 1e-9, note="largest error")


@claim("Multipliers are positive, add up to 1 and are equal at the start; the reward's never falls below success's")
def multipliers(seed: int) -> Evidence:
    demands = Constraints("r", costs=("a", "b"), limits=(0.0, 0.5), at_least=("b",), success="b")
    plain = dataclasses.replace(demands, success=None)
    z = torch.tensor([0.5, 2.0], dtype=torch.float64)
    weights, floored = plain.weights(z), demands.weights(z)
    error = (plain.weights(0 * z) - 1 / 3).abs().max() + (weights.sum() - 1).abs() + (floored[0] - floored[2]).abs()
    return Evidence(float(error) if bool((weights > 0).all()) else float("nan"), 0.0, 1e-12, note="error")


@claim("The focused reward is the whole sum on the axis, a hundredth of it on the cone's border and 0 outside")
def focus(seed: int) -> Evidence:
    angles = torch.tensor([0.0, math.acos(0.98), 0.3], dtype=torch.float64)
    columns = {"traj.reward/x": angles.cos(), "traj.reward/y": angles.sin()}
    goal = torch.tensor([[1.0, 0.0]], dtype=torch.float64).expand(3, 2)
    got = torch.as_tensor(
        FocusReward(("x", "y"))(ragged([[0.0] * 3], columns={**columns, "traj.goal": goal}))["traj.reward"]
    )
    want = (angles.cos() + angles.sin()) * torch.tensor([1.0, 0.01, 0.0])
    return Evidence(float((got - want).abs().max()), 0.0, 1e-6, note="largest error")


def imitated(result: Result, task: Any) -> float:
    """Exact probability of the demonstrated response."""
    with torch.no_grad():
        return float(expected_reward(task, result.policy.logits))  # pyright: ignore[reportArgumentType]


@cache
def imitation(recipe_name: str) -> list[float]:
    """The same after 50 rounds, per seed; the demonstrated response is the only one that pays."""
    return finals({"asaf": ASAF, "cloning": CLONING}[recipe_name], 50, imitated)


@claim("50 rounds of ASAF-1 do as the expert does on ten prompts with over 90 % probability", tier="proxy")
def imitates(seed: int) -> Evidence:
    evidence = compare(imitation("asaf"), [0.9] * 5, "exact probability of the expert's response, against 0.9")
    cloned = sum(imitation("cloning")) / 5
    return dataclasses.replace(evidence, note=f"{evidence.note}; cloning has {cloned:.3f} after as many updates")


@cache
def kept(weight: float | None) -> list[tuple[float, float]]:
    """Success and cost over the last 50 of 400 steps, per seed; None: with multipliers."""
    shaping = DEMANDS if weight is None else WeightedSum({"task": 1.0, "cost": -weight})
    recipe, costs = dataclasses.replace(CONSTRAINED, shaping=(shaping,)), []

    def measure(result: Result, task: Any) -> float:
        costs.append(last("reward/cost", 50)(result, task))
        return last("reward/task", 50)(result, task)

    return list(zip(finals(recipe, 400, measure, (0, 1, 2)), costs, strict=True))


def worth(runs: list[tuple[float, float]]) -> list[float]:
    """Success of the runs that keep the limit within 2 %, 0 of the others."""
    return [success if cost <= 1.02 * LIMIT else 0.0 for success, cost in runs]


@claim("Multipliers keep a limit on the cost with more success than fixed weights do on average over a grid", "proxy")
def meets_demands(seed: int) -> Evidence:
    grid = [worth(kept(weight)) for weight in WEIGHTS]
    average = [sum(column) / len(WEIGHTS) for column in zip(*grid, strict=True)]
    evidence = compare(worth(kept(None)), average, "success where the cost is within 2 % of its limit, else 0")
    cost = sum(cost for _, cost in kept(None)) / 3
    means = ", ".join(f"{weight:g}: {sum(each) / 3:.3f}" for weight, each in zip(WEIGHTS, grid, strict=True))
    note = f"{evidence.note}; cost with multipliers {cost:.3f} for a limit of {LIMIT}; by weight {means}"
    return dataclasses.replace(evidence, note=note)


paper = Paper(
    title="Effective Reward Specification in Deep Reinforcement Learning",
    arxiv="2412.07177",
    kind="method",
    source="recalled",
    year=2024,
    recipe=CONSTRAINED,
    compositions={"asaf": ASAF, "asaf_whole": WHOLE, "cloning": CLONING},
    claims=(discriminator, multipliers, focus, imitates, meets_demands),
)

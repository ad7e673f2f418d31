"""HERON: Deep Reinforcement Learning from Hierarchical Weak Preference Feedback.

Idea
    Compare trajectories factor by factor in order of importance, with a margin per factor, train a reward model on the
    pairs that this decides, and learn from its standardised reward, so that no weights of factors are needed.
Maths
    ``rewards/lexicographic.py``: ``prefer``, ``pair_loss`` and the piece; GRPO takes the place of PPO.
Reads
    Factors and features of every trajectory.
Deviations
    The comparator, its margins and the loss are those of the released code; the reward model is linear. The level-scaled
    variant for code and HERON-DPO are not here. The ranking proxy draws a success of probability 0.1 and a
    normal cost, and trains on 300 batches of 16; both of its features are standardised.
"""

import dataclasses
import math
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.metrics.rank_correlation import rank_correlation
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.lexicographic import LexicographicReward, pair_loss, prefer
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.two_factors import TwoFactors
from guerdon.update import Update

HERON = LexicographicReward(("task", "cost"), width=2, less_is_better=("cost",), exact=("task",))
RECIPE = Recipe(
    task=TwoFactors(scale=100.0),
    policy=Tabular(),
    rollout=SampleTree(prompts=16, samples_per_prompt=8, extra=("traj.reward/cost", "traj.features")),
    rewards=(HERON,),
    shaping=(WeightedSum({"preference": 1.0}, others=0.0),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
    update=Update(lr=0.05),
)
SUM = dataclasses.replace(RECIPE, rewards=(), shaping=(WeightedSum({"task": 1.0, "cost": -1.0}),))


@claim(
    "The first factor whose gap exceeds its margin decides; no units matter; a flat reward on 2 pairs has loss log 2"
)
def comparisons(seed: int) -> Evidence:
    def level(first: list[float], second: list[float], unit: float = 1.0) -> tuple[float, int]:
        scale = torch.tensor([1.0, unit], dtype=torch.float64)
        factors = torch.tensor([first, second], dtype=torch.float64) * scale
        preferred, at = prefer(factors, torch.tensor([0.0, 1.0]) * scale, torch.ones(2))
        return float(preferred[0, 1]), int(at[0, 1])

    got = [level([1, 5], [1, 3]), level([0, 9], [1, 0]), level([1, 3], [1, 3.5]), level([1, 5], [1, 3], 1e3)]
    right = got == [(1.0, 1), (-1.0, 0), (0.0, -1), (1.0, 1)]
    decided = torch.tensor([[0, 1, 1], [-1, 0, 0], [-1, 0, 0]])
    loss = float(pair_loss(torch.zeros(3, dtype=torch.float64), decided))
    return Evidence(abs(loss - math.log(2)) if right else float("nan"), 0.0, 1e-5, note="error of the loss")


def agreement(seed: int, scale: float) -> tuple[float, float]:
    """Spearman correlation with the true order of HERON's reward and of the plain sum, on 1,000 new trajectories."""
    generator = torch.Generator().manual_seed(seed)
    state = HERON.init_state()

    def draw(count: int) -> Any:
        task = (torch.rand(count, generator=generator, dtype=torch.float64) < 0.1).double()
        cost = torch.randn(count, generator=generator, dtype=torch.float64)
        columns = {"traj.reward/task": task, "traj.reward/cost": scale * cost}
        features = torch.stack([(task - 0.1) / 0.3, cost], 1)
        return ragged([[0.0] * count], columns={**columns, "traj.features": features})

    for _ in range(300):
        HERON(draw(16), state)
    batch = draw(1000)
    task, cost = batch["traj.reward/task"], batch["traj.reward/cost"] / scale
    ours = torch.as_tensor(HERON(batch, state)["traj.reward/preference"])
    order = 100 * task - cost
    return rank_correlation(ours, order), rank_correlation(task - scale * cost, order)


@claim(
    "Its reward follows the order of importance better than the sum of factors, whatever the unit of the cost", "proxy"
)
def ranks_by_importance(seed: int) -> Evidence:
    pairs = [agreement(number, scale) for scale in (1.0, 100.0) for number in range(5)]
    ours, plain = zip(*pairs, strict=True)
    evidence = compare(ours, plain, "Spearman correlation with the true order, units 1 and 100")
    small = [sum(each[:5]) / 5 for each in (ours, plain)]
    note = f"{evidence.note}; at unit 1 {small[0]:.3f} against {small[1]:.3f}"
    return dataclasses.replace(evidence, note=note)


def cost(result: Result, task: Any) -> float:
    """Exact expected cost per unit, averaged over prompts."""
    with torch.no_grad():
        rows = result.policy.rows(torch.arange(task.contexts)).softmax(-1)  # pyright: ignore[reportCallIssue]
    return float((rows * task.tables()[1]).sum(1).mean()) / task.scale


@claim("Trained on a cost in units of 100, a policy succeeds more often with it than with the sum", tier="proxy")
def succeeds_more(seed: int) -> Evidence:
    ours, plain = (finals(recipe, 200, solved()) for recipe in (RECIPE, SUM))
    costs = [sum(finals(recipe, 200, cost, (0,))) for recipe in (RECIPE, SUM)]
    evidence = compare(ours, plain, "exact success probability after 200 steps")
    note = f"{evidence.note}; cost at seed 0 {costs[0]:.2f} against {costs[1]:.2f}"
    return dataclasses.replace(evidence, note=note)


paper = Paper(
    title="Deep Reinforcement Learning from Hierarchical Weak Preference Feedback",
    arxiv="2309.02632",
    kind="method",
    source="code",
    year=2023,
    recipe=RECIPE,
    compositions={"sum": SUM},
    claims=(comparisons, ranks_by_importance, succeeds_more),
)

"""CaRL: Learning Scalable Planning Policies with Simple Rewards.

Idea
    Reward only progress along the route, multiply it by a factor per soft infraction, and end the episode on hard ones.
    Unlike a weighted sum this pays nothing for standing still, and goes on improving as batches grow.
Maths
    ``r_t = (RC_{t+1} - RC_t) prod_i p_i(t) - c 1[crash]``, RC in percent; the factors are ``rewards/soft_factor.py``.
    Additive baseline: ``(5 dRC + 5 r_ttc + 4 r_speed + 2 r_comfort) / 16``, each r 100 / T per clean step.
Reads
    Completion before and after, and the infractions, of every step.
Deviations
    Numbers of the training code that was released; the final nuPlan weights may differ. The toy has a crash risk and
    one soft infraction (passing an obstacle fast), its clean-step bonuses are scaled to its T = 40 steps instead of the
    release's 2000, its additive baseline is charged for crashes as well, and it learns by REINFORCE with whitened
    returns instead of PPO.
"""

import dataclasses
from functools import cache

import torch

from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.whiten import Whiten
from guerdon.batch import Batch
from guerdon.objective import Objective
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.policies.mlp import MLP
from guerdon.recipe import Recipe
from guerdon.rewards.features import Features
from guerdon.rewards.progress import Progress
from guerdon.rewards.soft_factor import SoftFactor
from guerdon.rollouts.episodes import Episodes
from guerdon.shaping.product import Product
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.lane import Lane
from guerdon.update import Update

FACTORS = (
    SoftFactor("step.outside", "step.reward/lane"),
    SoftFactor("step.overspeed", "step.reward/speed", limit=2.23),
    SoftFactor("step.ttc", "step.reward/ttc", weight=0.5, hold=500),
    SoftFactor("step.comfort", "step.reward/comfort", limit=6.0, weight=0.5, hold=500),
)
NAMES = tuple(f"step.reward/{name}" for name in ("progress", "lane", "speed", "ttc", "comfort"))


def multiplied(names: tuple[str, ...], crash: float = 1.0) -> tuple[Transform, ...]:
    """Progress times the factors, less the hint at a crash."""
    total = WeightedSum({"driving": 1.0, "crash": -crash}, others=0.0, of="step.reward/*", output="step.reward")
    return (Product(names, output="step.reward/driving"), total)


def added(weights: dict[str, float]) -> tuple[Transform, ...]:
    """The weighted sum of progress and clean steps."""
    return (WeightedSum(weights, others=0.0, of="step.reward/*", output="step.reward"),)


CARL = (Progress(scale=100.0), *FACTORS, *multiplied(NAMES))
BONUS = 100 / 2000 / 16
ADDITIVE = (
    Progress(scale=100.0),
    *(dataclasses.replace(piece, weight=1.0, hold=1) for piece in FACTORS),
    *added({"progress": 5 / 16, "ttc": 5 * BONUS, "speed": 4 * BONUS, "comfort": 2 * BONUS}),
)


def reward(pieces: tuple[Transform, ...], gain: float, **flags: float) -> float:
    """What one step pays: ``gain`` of the route and these infractions."""
    named = {"step.reward/crash": "crash", **{f"step.{name}": name for name in ("outside", "overspeed", "ttc")}}
    columns = {name: torch.tensor([flags.get(flag, 0.0)], dtype=torch.float64) for name, flag in named.items()}
    columns["step.comfort"] = (torch.arange(6) < flags.get("comfort", 0)).double()[None]
    columns["step.completion"] = torch.zeros(1, dtype=torch.float64)
    columns["step.next_completion"] = torch.tensor([gain], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.int64)
    batch = Batch.build(columns, traj_of_step=zero, group_of_traj=zero)
    for piece in pieces:
        batch = batch.with_columns(piece(batch))
    return float(batch["step.reward"])


@claim("2 % clean pay 2; off the lane with a crash -1; overspeed 1.115, a near miss and 6 comfort limits leave .25")
def factors_multiply(seed: int) -> Evidence:
    got = (
        reward(CARL, 0.02),
        reward(CARL, 0.02, outside=1, crash=1),
        reward(CARL, 0.02, overspeed=1.115, ttc=1, comfort=6),
    )
    error = max(abs(a - b) for a, b in zip(got, (2.0, -1.0, 0.25), strict=True))
    return Evidence(error, 0.0, 1e-9, note="largest error")


@claim("A clean step on the spot pays 11 x .05 / 16 by the additive reward and nothing by the product")
def standing_still(seed: int) -> Evidence:
    error = max(abs(reward(CARL, 0.0)), abs(reward(ADDITIVE, 0.0) - 11 * 0.05 / 16))
    return Evidence(error, 0.0, 1e-9, note="largest error")


LANE = Features(
    before={"step.completion": -3},
    after={"step.next_completion": -3, "step.ttc": -2, "step.reward/crash": -1},
)
PRODUCT = Recipe(
    task=Lane(),
    policy=MLP(hidden=()),
    rollout=Episodes(starts=32),
    rewards=(LANE, Progress(scale=100.0), SoftFactor("step.ttc", "step.reward/ttc", weight=0.5)),
    shaping=multiplied(("step.reward/progress", "step.reward/ttc")),
    advantage=(ReturnToGo(0.99), Whiten()),
    objective=Objective(Reinforce()),
    update=Update(lr=0.05),
)
CLEAN = 100 / 40 / 16
SUM = dataclasses.replace(
    PRODUCT,
    rewards=(LANE, Progress(scale=100.0), SoftFactor("step.ttc", "step.reward/ttc")),
    shaping=added({"progress": 5 / 16, "ttc": 11 * CLEAN, "crash": -1.0}),
)
STEPS = 150


@cache
def completion(product: bool, episodes: int) -> list[float]:
    """Mean completion of the last 20 steps' episodes in percent, per seed."""
    recipe = dataclasses.replace(PRODUCT if product else SUM, rollout=Episodes(starts=episodes))
    return finals(recipe, STEPS, last("reward/task"))


@claim("After 150 batches of 32 episodes the product completes more of the road than the weighted sum", tier="proxy")
def completes_more(seed: int) -> Evidence:
    small = [sum(completion(product, 8)) / len(completion(product, 8)) for product in (True, False)]
    evidence = compare(completion(True, 32), completion(False, 32), "completion in percent at 32 episodes per batch")
    note = f"{evidence.note}; at 8 per batch {small[0]:.1f} against {small[1]:.1f}"
    return dataclasses.replace(evidence, note=note)


@claim("With the product, 32 episodes per batch complete more than 8 after as many batches", tier="proxy")
def grows_with_the_batch(seed: int) -> Evidence:
    return compare(completion(True, 32), completion(True, 8), "completion in percent, 32 against 8 per batch")


paper = Paper(
    title="CaRL: Learning Scalable Planning Policies with Simple Rewards",
    arxiv="2504.17838",
    kind="method",
    source="code",
    year=2025,
    recipe=PRODUCT,
    compositions={"carl": CARL, "additive": ADDITIVE, "toy_sum": SUM},
    claims=(factors_multiply, standing_still, completes_more, grows_with_the_batch),
)

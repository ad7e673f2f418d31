"""CAD-RL: From Intent to Execution, Multimodal Chain-of-Thought RL for Precise CAD Code Generation.

Idea
    A CAD program earns nothing unless it runs; then the volume it shares with the wanted solid and a judge's score count.
    Wide, uneven bounds on the ratio keep rare tokens alive, and numbers weigh more in the loss.
Maths
    ``R = exec (lam_g IoU + lam_e max(0, judge - 0.5 fails))``; ``min(rho A, clip(rho, 0.6, 1.8) A)``; per response
    ``sum_t w_t l_t / sum_t w_t`` with w = 2 on numeric tokens; responses without an end are left out of the loss, not out
    of the group's statistics.
Reads
    ``traj.response``, ``traj.truncated``, ``action.id``, ``action.logprob``, ``action.old_logprob``; a judge's columns.
Deviations
    Second hand, from a re-implementation of its equations 6 to 8; the weights and the deduction of 0.5 are ours. Solids
    are boxes joined and cut in a small language of their own instead of CadQuery. Which ids are numeric depends on the
    tokenizer, so the recipe leaves a few byte ids for digits. The proxies write one box, without a judge.
"""

import dataclasses
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.credit.marked_weight import MarkedWeight
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import MaskWhere, RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import one_action, ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.remote import Remote
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.box_programs import BoxPrograms
from guerdon.shaping.clip import Clip
from guerdon.shaping.product import Product
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.box_writing import BoxWriting
from guerdon.tasks.problem import Problem
from guerdon.update import Update

DIGIT_IDS = tuple(range(48, 58))
"""The digits where tokens are bytes."""
GATED: tuple[Transform, ...] = (
    WeightedSum({"judge": 1.0, "failures": -0.5}, others=0.0, output="traj.part/judge"),
    Clip(0.0, 1.0, column="traj.part/judge"),
    WeightedSum({"cad_iou": 1.0}, others=0.0, output="traj.part/geometry"),
    WeightedSum(of="traj.part/*", output="traj.quality"),
    Product(("cad_exec", "traj.quality")),
)
JUDGE = Remote("http://127.0.0.1:8000/score", components=("judge", "failures"))
RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Scored(BoxPrograms()), JUDGE),
    shaping=GATED,
    credit=(MarkedWeight(ids=DIGIT_IDS),),
    advantage=(Standardize(), MaskWhere("traj.truncated")),
    objective=Objective(
        PPOClip(0.4, 0.8, dual_clip=None), SeqMeanTokenMean(), weights=(RowWeight("action.marked_weight"),)
    ),
    update=Update(minibatches=4),
)
UNJUDGED = dataclasses.replace(RECIPE, rewards=RECIPE.rewards[:1], shaping=(Product(("cad_exec", "cad_iou")),))


def toy(weight: float = 2.0, shaping: Transform = UNJUDGED.shaping[0]) -> Recipe:
    """One box, token by token, on policy."""
    return dataclasses.replace(
        UNJUDGED,
        task=BoxWriting(),
        policy=Tabular(),
        rollout=SampleTree(prompts=4, reward="cad_iou", extra=("traj.reward/cad_exec", "token.marked")),
        rewards=(),
        shaping=(shaping,),
        credit=(MarkedWeight(weight),),
        advantage=(Standardize(),),
        update=Update(lr=0.05),
    )


TOYS = {"w2": toy(), "w1": toy(1.0), "exec": toy(shaping=WeightedSum({"cad_exec": 1.0}, others=0.0))}
SEEDS, STEPS = (0, 1, 2, 3), 200


@claim("At ratios 0.5, 2, 0.5, 2 with A = 1, 1, -1, -1 the surrogate is 0.5, 1.8, -0.6, -2")
def stretched(seed: int) -> Evidence:
    plain = dataclasses.replace(RECIPE.objective, weights=())
    cases = {(0.5, 1.0): 0.5, (2.0, 1.0): 1.8, (0.5, -1.0): -0.6, (2.0, -1.0): -2.0}
    error = max(abs(-one_action(plain, *case)[0] - value) for case, value in cases.items())
    return Evidence(error, 0.0, 1e-6, note="largest error")


@claim("Boxes that share a third have IoU 1/3, two boxes equal the one they make up, what does not run earns 0")
def solids(seed: int) -> Evidence:
    score = BoxPrograms()
    wanted = Problem(0, "?", "box(2,1,1).move(1,0,0)")
    third = score(wanted, "box(2,1,1)")["cad_iou"]
    same = score(wanted, "box(1,1,1).move(1,0,0) + box(1,1,1).move(2,0,0)")["cad_iou"]
    names = {"cad_exec": [0.0, 1.0], "cad_iou": [0.0, 0.5], "judge": [1.0, 0.9], "failures": [0.0, 1.0]}
    batch = ragged([[0.0] * 2], columns={f"traj.reward/{name}": values for name, values in names.items()})
    for piece in GATED:
        batch = batch.with_columns(piece(batch))
    got = torch.tensor([third, same, *batch["traj.reward"].tolist()], dtype=torch.float64)
    wrong = (got - torch.tensor([1 / 3, 1.0, 0.0, 0.9], dtype=torch.float64)).abs().max()
    return Evidence(float(wrong), 0.0, 1e-9, note="largest error")


@claim("With w = 2 a response of one number among three tokens keeps its size: weights 1.5, 0.75, 0.75")
def precision(seed: int) -> Evidence:
    batch = ragged([[0.0]], [3], {"token.marked": [True, False, False]})
    got = torch.as_tensor(MarkedWeight()(batch)["action.marked_weight"]).tolist()
    return Evidence(
        max(abs(a - b) for a, b in zip(got, (1.5, 0.75, 0.75), strict=True)), 0.0, 1e-6, note="largest error"
    )


@cache
def trained(name: str) -> tuple[list[float], list[float]]:
    """IoU of the last 20 steps, and the exact mean error of the numbers, per seed."""
    errors: list[float] = []

    def measure(result: Result, task: Any) -> float:
        with torch.no_grad():
            errors.append(task.error(result.policy.rows(torch.arange(task.contexts))))  # pyright: ignore[reportCallIssue]
        return last("reward/cad_iou")(result, task)

    return finals(TOYS[name], STEPS, measure, SEEDS), errors


@claim("With the overlap in the reward solids come out that a reward for running alone does not give", tier="proxy")
def overlap(seed: int) -> Evidence:
    return compare(trained("w2")[0], trained("exec")[0], f"IoU of the last 20 of {STEPS} steps")


@claim("Weight 2 on numbers makes them more precise than weight 1", tier="proxy")
def numbers(seed: int) -> Evidence:
    return compare(trained("w2")[1], trained("w1")[1], f"mean error of the six numbers after {STEPS} steps", lower=True)


paper = Paper(
    title="From Intent to Execution: Multimodal CoT RL for Precise CAD Code Generation",
    arxiv="2508.10118",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"unjudged": UNJUDGED},
    claims=(stretched, solids, precision, overlap, numbers),
)

"""GUI-G1: Understanding R1-Zero-Like Training for Visual Grounding in GUI Agents.

Idea
    Point at interface elements with boxes. A hit alone is won by large boxes and overlap alone by careful ones, so both
    are paid, with a little for close edges; no thinking, no division by the std or by the length, and more weight for
    small targets.
Maths
    ``r = 1[centre inside] + 0.25 IoU + 0.125 edges`` (``scorers/boxes.py``), ``A = r - mean_g r``,
    ``loss = mean_i w_g sum_t l_it / 64``, clip 0.2, no KL; ``w_g = clip(sqrt(mean area / area), .5, 2)``.
Reads
    ``traj.response``, ``group.problem`` (the true box, the image's size, the target's area), ``action.logprob``,
    ``action.old_logprob``.
Deviations
    The released code reads w_g from a stored ``rate`` (``rate``); how a size becomes a weight is not in it, and the
    formula is ours. Its IoU counts pixels with offsets of one; here boxes are continuous. Without an area w_g is 1. The
    proxies train a Gaussian over boxes on three targets, without text, pictures and w_g.
"""

import dataclasses
import math
from functools import cache
from typing import Any

import torch

from guerdon.advantages.size_weight import SizeWeight
from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.policies.mlp import MLP
from guerdon.recipe import Recipe
from guerdon.rewards.problem_number import ProblemNumber
from guerdon.rewards.scored import Scored
from guerdon.rng import Stream
from guerdon.rollouts.episodes import Episodes
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.scorers.boxes import BoxParts
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.screens import Screens
from guerdon.update import Update

WEIGHTS = {"hit": 1.0, "iou": 0.25, "edges": 0.125}
CENTERED = Standardize(scale="none")


def compose(weight: str, number: ProblemNumber, *advantage: Transform) -> Recipe:
    """The recipe with a weight per prompt in this column."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=64, temperature=0.9)),
        rewards=(Scored(BoxParts()), number),
        shaping=(WeightedSum(WEIGHTS),),
        advantage=(*advantage, CENTERED),
        objective=Objective(PPOClip(dual_clip=None), SumOverLength(64), weights=(RowWeight(weight),)),
        update=Update(minibatches=4),
    )


RECIPE = compose("group.weight", ProblemNumber("area", default=1.0), SizeWeight(column="group.area"))
RATE = compose("group.rate", ProblemNumber("rate", default=1.0))


@claim("The exact box earns 1, .25 and .125; the whole screen hits a small central target too, for next to no overlap")
def parts(seed: int) -> Evidence:
    problem = Problem(0, "the button", "[45, 45, 55, 55]", {"size": [100, 100]})
    exact, whole, off = (
        [WEIGHTS[name] * value for name, value in BoxParts()(problem, box).items()]
        for box in ("[45, 45, 55, 55]", "[0, 0, 100, 100]", "[145, 45, 155, 55]")
    )
    error = max(abs(a - b) for a, b in zip([*exact, *whole[:2], off[2]], [1, 0.25, 0.125, 1, 0.0025, 0], strict=True))
    assert whole[2] < 0.075
    return Evidence(error, 0.0, 1e-12, note="largest error")


@claim("Targets of a quarter, once and 16 times the mean area weigh 2, 1 and .5 and equal rewards have advantage 0")
def small_targets(seed: int) -> Evidence:
    batch = ragged([[1.0, 1.0]] * 5, columns={"group.area": [4.0, 16.0, 16.0, 16.0, 28.0]})
    got = torch.as_tensor(SizeWeight(column="group.area")(batch)["group.weight"])
    wide = ragged([[1.0]] * 33, columns={"group.area": [1.0] * 31 + [2.0, 495.0]})
    got = torch.cat([got[:2], torch.as_tensor(SizeWeight(column="group.area")(wide)["group.weight"])[-1:]])
    assert not bool(torch.as_tensor(CENTERED(batch)["traj.advantage"]).any())
    error = (got - torch.tensor([2.0, 1.0, 0.5], dtype=torch.float64)).abs().max()
    return Evidence(float(error), 0.0, 1e-9, note="largest error")


STEPS = 400


def toy(hit: float, iou: float, edges: float) -> Recipe:
    """A Gaussian over boxes, 3 targets x 8 boxes per step."""
    return Recipe(
        task=Screens(hit=hit, iou=iou, edges=edges),
        policy=MLP(hidden=()),
        rollout=Episodes(starts=3, samples_per_start=8),
        advantage=(CENTERED,),
        objective=Objective(Reinforce()),
        update=Update(lr=0.02, max_grad_norm=None),
    )


def shape(result: Result, task: Any) -> tuple[float, float, float]:
    """Hit rate, IoU and median area over the target's, of 200 boxes for each target."""
    generator = Stream((0, "gui_g1")).generator()
    hits, overlaps, areas = [], [], []
    for number, true in enumerate(task.boxes()):
        seen = torch.eye(task.targets)[number].expand(200, -1)
        actions = result.policy.act(seen, generator)[0].tolist()  # pyright: ignore[reportCallIssue]
        found = torch.tensor([task.scores(number, action) for action in actions])
        boxes = torch.tensor([task.box(action) for action in actions])
        hits.append(found[:, 0].mean())
        overlaps.append(found[:, 1].mean())
        area = (true[2] - true[0]) * (true[3] - true[1])
        areas.append(((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / area).median().log())
    hit, overlap, ratio = (float(torch.stack(each).mean()) for each in (hits, overlaps, areas))
    return hit, overlap, math.exp(ratio)


@cache
def runs(hit: float, iou: float, edges: float) -> tuple[tuple[float, ...], ...]:
    """(hit rate, IoU, area ratio) per seed."""
    found: list[tuple[float, ...]] = []

    def measure(result: Result, task: Any) -> float:
        found.append(shape(result, task))
        return 0.0

    finals(toy(hit, iou, edges), STEPS, measure, range(6))
    return tuple(zip(*found, strict=True))


ALL = (1.0, 0.25, 0.125)


def against(
    other: tuple[float, float, float], which: int, what: str, margin: float = 0.0, lower: bool = False
) -> Evidence:
    """All three rewards against some of them, with the hit rates in the note."""
    ours, theirs = runs(*ALL), runs(*other)
    evidence = compare(ours[which], theirs[which], f"{what} after {STEPS} steps", margin, lower)
    hits = [sum(each[0]) / len(each[0]) for each in (ours, theirs)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; hit rate {hits[0]:.2f} against {hits[1]:.2f}")


@claim("All three rewards give boxes that overlap more than those of hits alone, by over 0.1", tier="proxy")
def overlaps_more(seed: int) -> Evidence:
    return against((1.0, 0.0, 0.0), 1, "IoU", margin=0.1)


@claim("And smaller ones", tier="proxy")
def smaller(seed: int) -> Evidence:
    return against((1.0, 0.0, 0.0), 2, "area of the box over that of the target", lower=True)


@claim("The closeness of the edges adds overlap to hit and IoU", tier="proxy")
def edges_help(seed: int) -> Evidence:
    return against((1.0, 0.25, 0.0), 1, "IoU")


paper = Paper(
    title="GUI-G1: Understanding R1-Zero-Like Training for Visual Grounding in GUI Agents",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"rate": RATE},
    claims=(parts, small_targets, overlaps_more, smaller, edges_help),
)

"""Rubicon: Reinforcement Learning with Rubric Anchors.

Idea
    Open-ended answers are scored on the criteria of a rubric. A plain weighted mean is gamed through its cheapest
    criterion, so critical criteria veto, good scores saturate, some criteria count together, and the top is stretched.
Maths
    ``R = V stretch(clip(sum_k w_k u_k / sum_k w_k + sum_ij g_ij u_i u_j, 0, 1))`` with saturated scores u, knee 0.8, slope
    0.2, stretch from 0.7 with power 2 (``shaping/rubric.py``). Prompts between the 0.1 and 0.9 quantile of mean scores.
Reads
    The criteria, ``traj.reward/<criterion>``; ``action.logprob``, ``action.old_logprob``.
Deviations
    Abstract only: the mechanisms are the paper's, every formula is ours. The quantile band is over the groups of a batch,
    not over the data under the initial policy. Stages (instructions first, open-ended criteria then) are two runs, the
    second with the hacks that were found as critical criteria. A judge's scores come
    from a server (composition ``judged``); the main recipe and the proxies write six words and are scored by rules, with
    weights that were chosen so that flattery pays in the plain mean, and the proxies have no filter.
"""

import dataclasses
from functools import cache

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.mean_band import MeanBand
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.remote import Remote
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.rubric import Rubric
from guerdon.tasks.praised_writing import PraisedWriting
from guerdon.update import Update

CRITERIA = {"facts": 1.0, "right": 0.5, "tone": 1.5, "sober": 0.5}
"""Weights of the toy: warmth is overrated."""
FULL = Rubric(CRITERIA, critical=("sober",))
PLAIN = Rubric(CRITERIA, knee=1.0, power=1.0)

RECIPE = Recipe(
    task=PraisedWriting(),
    policy=Tabular(),
    rollout=SampleTree(prompts=8, extra=tuple(f"traj.reward/{name}" for name in CRITERIA)),
    shaping=(FULL,),
    filters=(MeanBand(quantiles=True),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
    update=Update(lr=0.03, minibatches=2),
)
MEAN = dataclasses.replace(RECIPE, shaping=(PLAIN,))
JUDGED = dataclasses.replace(
    RECIPE,
    task=None,
    policy=None,
    rollout=Sample(),
    rewards=(Remote("http://127.0.0.1:8000/score", components=tuple(CRITERIA), bounds=(0.0, 1.0)),),
)
STEPS = 250


def scores(rubric: Rubric, **criteria: list[float]) -> list[float]:
    """Rewards of trajectories with these criteria."""
    columns = {f"traj.reward/{name}": values for name, values in criteria.items()}
    count = len(next(iter(criteria.values())))
    return torch.as_tensor(rubric(ragged([[0.0] * count], columns=columns))["traj.reward"]).tolist()


@claim("All ones earn 1; a critical criterion at 0 takes everything")
def veto(seed: int) -> Evidence:
    got = scores(Rubric({"a": 1.0, "b": 3.0}, critical=("a",)), a=[1.0, 0.0], b=[1.0, 1.0])
    return Evidence(abs(got[0] - 1) + abs(got[1]), 0.0, 1e-9, note="error")


@claim("With knee 0.8 and slope 0.2, (0.8, 0.8) beats (1, 0.6) by (0.2 - 0.04) / 0.84 / 2")
def saturation(seed: int) -> Evidence:
    got = scores(Rubric({"a": 1.0, "b": 1.0}, power=1.0), a=[0.8, 1.0], b=[0.8, 0.6])
    return Evidence(abs(got[0] - got[1] - 0.5 * 0.16 / 0.84), 0.0, 1e-9, note="error")


@claim("The stretch lowers every score between 0.7 and 1 and leaves those two and everything below as they are")
def stretch(seed: int) -> Evidence:
    grid = [number / 100 for number in range(101)]
    plain, bent = (scores(Rubric({"a": 1.0}, knee=1.0, power=power), a=grid) for power in (1.0, 2.0))
    right = all(
        (after < before - 1e-9) if 0.705 < at < 0.995 else abs(after - before) < 1e-9
        for at, before, after in zip(grid, plain, bent, strict=True)
    )
    return Evidence(float(right), 1.0, 1.0, note="1 if so, on a grid of 0.01")


@cache
def trained(name: str) -> tuple[list[float], list[float]]:
    """Quality and share of texts that are not sober, means of the last 20 steps, per seed."""
    recipe = dataclasses.replace({"full": RECIPE, "mean": MEAN}[name], filters=(), update=Update(lr=0.03))
    quality, sober = last("reward/task"), last("reward/sober")
    hacked: list[float] = []
    return finals(recipe, STEPS, lambda *run: (hacked.append(1 - sober(*run)), quality(*run))[1]), hacked


@claim("With a veto on flattery the texts state what was asked for more often than under the plain mean", tier="proxy")
def quality(seed: int) -> Evidence:
    return compare(trained("full")[0], trained("mean")[0], f"quality of the last 20 of {STEPS} steps")


@claim("Under the plain mean most texts flatter, with the veto few do", tier="proxy")
def hacked(seed: int) -> Evidence:
    what = f"share of flattering texts of the last 20 of {STEPS} steps"
    return compare(trained("full")[1], trained("mean")[1], what, margin=0.5, lower=True)


paper = Paper(
    title="Reinforcement Learning with Rubric Anchors",
    arxiv="2508.12790",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"mean": MEAN, "judged": JUDGED},
    claims=(veto, saturation, stretch, quality, hacked),
)

"""LASER: Learn to Reason Efficiently with Adaptive Length-based Reward Shaping.

Idea
    A right answer under a target length earns a bonus; the target follows, per difficulty, what the policy can already
    do (LASER-D); long wrong answers that do not repeat themselves keep a bonus, because they explore (LASER-DE).
Maths
    Right 1, wrong -0.5, right with T <= L a further alpha = 0.5. Targets: see ``shaping/target_length.py``. GRPO with
    clip 0.2 / 0.28, KL and entropy losses of 0.001.
Reads
    ``traj.reward/correct``, the lengths, ``action.id`` (DE), ``action.logprob``, ``action.old_logprob``.
Deviations
    1 and -0.5 enter as a weight of 1.5: a shift of all rewards cancels in the group's mean. The lower value of
    responses without any answer is left out. The monitor is the last training groups instead of 500 prompts of its own.
    Lengths are small here (the paper: targets from 4096 up). The released file's Kimi penalty is not part of it.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import LENGTH, STEPS, chain
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.repetition import Repetition
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.shaping.length_step import LengthStep
from guerdon.shaping.target_length import TargetLength
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.update import Update

BUDGET = 64
"""Longest response, in tokens."""
ADAPTIVE = TargetLength(lower=8, upper=BUDGET, step=8)


def compose(*rewards: Transform) -> Recipe:
    """GRPO with these rewards beside correctness."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
        rewards=(Verifier(), *rewards),
        shaping=(WeightedSum({"correct": 1.5}),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip(0.2, 0.28), regularizers=(KLPenalty(0.001), EntropyBonus(0.001))),
        update=Update(minibatches=4),
    )


RECIPE = compose(ADAPTIVE, LengthStep("group.target_length"))
FIXED = compose(LengthStep(16))
EXPLORING = compose(ADAPTIVE, Repetition(), LengthStep("group.target_length", explore="traj.repeats"))


@claim("Right in 10 of 20 earns 1.5, right in 30 earns 1, wrong -0.5")
def step(seed: int) -> Evidence:
    batch = ragged([[1.0, 1.0, 0.0]], [10, 30, 10], {"traj.reward/correct": [1.0, 1.0, 0.0]})
    bonus = torch.as_tensor(LengthStep(20)(batch)["traj.reward/length"])
    batch = batch.with_columns({"traj.reward/length": bonus})
    total = torch.as_tensor(RECIPE.shaping[0](batch)["traj.reward"]) - 0.5
    error = (total - torch.tensor([1.5, 1.0, -0.5], dtype=torch.float64)).abs().max()
    return Evidence(float(error), 0.0, 1e-9, note="largest error")


@claim("Of 1024 to 4096 the targets of the three coverages are 2048 (easy), 3072 (medium), and the longest seen (hard)")
def targets(seed: int) -> Evidence:
    piece = TargetLength(lower=1024, upper=4096)
    coverages = ([0.1, 0.4, 0.9, 0.99], [0.1, 0.4, 0.5, 1.0], [0.1, 0.2, 0.6, 1.0])
    got = [piece.estimate(coverage, bucket, 5000.0) for bucket, coverage in enumerate(coverages)]
    return Evidence(float(got == [5000.0, 3072.0, 2048.0]), 1.0, 1.0, note="1 if so")


def toy(*rewards: Transform) -> Recipe:
    """Without the two regularisers, so that the rewards alone differ."""
    recipe = compose(*rewards)
    return dataclasses.replace(chain(recipe), objective=dataclasses.replace(recipe.objective, regularizers=()))


@claim("A bonus below a target of 15 gives shorter responses than plain GRPO", tier="proxy")
def shortens(seed: int) -> Evidence:
    ours, baseline = (finals(toy(*rewards), STEPS, LENGTH, (0, 1, 2)) for rewards in ([LengthStep(15)], []))
    return compare(ours, baseline, f"response length after {STEPS} steps", lower=True)


paper = Paper(
    title="Learn to Reason Efficiently with Adaptive Length-based Reward Shaping",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"fixed": FIXED, "exploring": EXPLORING},
    claims=(step, targets, shortens),
)

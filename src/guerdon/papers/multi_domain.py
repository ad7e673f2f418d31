"""Can One Domain Help Others? A Data-Centric Study on Multi-Domain Reasoning via Reinforcement Learning.

Idea
    Train on mathematics, code and puzzles, alone and mixed, and measure what each gives the others.
Maths
    Countdown, knights and knaves, mathematics and code pay 1 or 0, zebra the share of right cells. Scheme ``mix``:
    ``1[right and well formed]``; ``independent``: 1, .5, -.5, -1 for right and well formed, right, well formed, neither.
    ``M[train set, domain] = accuracy - accuracy of the start`` (``metrics/transfer.py``). GRPO with KL 0.001.
Reads
    ``traj.response``, ``group.problem`` and its kind, ``action.logprob``, ``action.old_logprob``, ``action.ref_logprob``.
Deviations
    The released countdown runs model text through ``eval``; here four operations are worked out exactly. The final runs
    pay nothing for the format, as the recipe. ``curriculum`` goes from easy to hard; the policy refresh (recalled), a new
    KL reference and optimiser at each stage, is one run per stage from the policy of the last. The proxies use two skills
    of a bandit instead of domains of text.
"""

from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.equal_sources import EqualSources
from guerdon.curricula.repeat import Repeat
from guerdon.curricula.stages import Stages
from guerdon.curricula.uniform import Uniform
from guerdon.loop import Result
from guerdon.metrics.transfer import Transfer, transfer
from guerdon.objective import Objective
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, success
from guerdon.piece import Curriculum, Transform
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.scored import Scored
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.by_kind import ByKind
from guerdon.scorers.format import Tags
from guerdon.scorers.math_answer import Math
from guerdon.scorers.puzzles import Countdown, KnightsKnaves, ZebraCells
from guerdon.scorers.unit_tests import UnitTests
from guerdon.shaping.choose import Choose
from guerdon.shaping.product import Product
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.problem import Problem
from guerdon.tasks.two_skills import TwoSkills
from guerdon.update import Update

DOMAINS = ByKind(
    {
        "countdown": Countdown(tag="answer"),
        "knights": KnightsKnaves(tag="answer"),
        "zebra": ZebraCells(),
        "math": Math(tag="answer"),
        "code": UnitTests(),
    }
)
MIX = (Product(("correct", "format")),)
INDEPENDENT = (
    Choose("format", 1.0, 0.5, output="traj.right"),
    Choose("format", -0.5, -1.0, output="traj.wrong"),
    Choose("correct", "traj.right", "traj.wrong"),
)


def compose(
    *rewards: Transform, shaping: tuple[Transform, ...] = (WeightedSum(),), curriculum: Curriculum | None = None
) -> Recipe:
    """GRPO on the mix."""
    return Recipe(
        curriculum=curriculum or Uniform(),
        rollout=Sample(samples_per_prompt=5),
        rewards=(Scored(DOMAINS), *rewards),
        shaping=shaping,
        advantage=(Standardize(),),
        objective=Objective(PPOClip(), regularizers=(KLPenalty(0.001),)),
        update=Update(minibatches=8),
    )


RECIPE = compose()


@claim("Each kind is judged by its rule: countdown, knights with a role too many, one of four zebra cells")
def rules(seed: int) -> Evidence:
    numbers = {"kind": "countdown", "numbers": [2, 4, 8], "target": 24}
    roles = {"kind": "knights", "roles": {"Ann": "knight", "Bo": "knave"}}
    houses = {"kind": "zebra", "houses": {"1": {"pet": "cat", "tea": "green"}, "2": {"pet": "dog", "tea": "black"}}}
    cells = '{"1": {"pet": "cat", "tea": "black"}, "2": {"pet": "cow", "tea": "green"}}'
    cases = [
        (numbers, "<answer>(8-2)*4</answer>", 1.0),
        (numbers, "<answer>6*4</answer>", 0.0),
        (numbers, "<answer>8/(4-2*2)</answer>", 0.0),
        (numbers, "<answer>__import__('os')</answer>", 0.0),
        (roles, "<answer>Ann is a knight, Bo is a knave</answer>", 1.0),
        (roles, "<answer>Ann is a knight, Bo is a knave, not a knight</answer>", 0.0),
        (houses, cells, 0.25),
    ]
    got = [DOMAINS(Problem(0, "?", meta=meta), text) == value for meta, text, value in cases]
    return Evidence(float(all(got)), 1.0, 1.0, note="1 if so")


@claim(
    "Right and well formed, right, well formed, neither earn 1, 0, 0, 0 in one scheme and 1, .5, -.5, -1 in the other"
)
def schemes(seed: int) -> Evidence:
    columns = {"traj.reward/correct": [1.0, 1.0, 0.0, 0.0], "traj.reward/format": [1.0, 0.0, 1.0, 0.0]}
    got = []
    for shaping in (MIX, INDEPENDENT):
        batch = ragged([[0.0] * 4], columns=columns)
        for piece in shaping:
            batch = batch.with_columns(piece(batch))
        got.append(batch["traj.reward"].tolist())
    return Evidence(float(got == [[1, 0, 0, 0], [1, 0.5, -0.5, -1]]), 1.0, 1.0, note="1 if so")


SETS = {"first": Repeat(tuple(range(48))), "second": Repeat(tuple(range(48, 96))), "both": EqualSources()}


@cache
def matrix(seed: int, steps: int) -> Transfer:
    """Trained on the first skill, on the second, on both: gains on either, from a start that is good at the second."""
    found: list[torch.Tensor] = []

    def measure(result: Result, task: Any) -> float:
        found.append(success(result, task).reshape(2, -1).mean(1))
        return 0.0

    for curriculum, length in [*((each, steps) for each in SETS.values()), (Uniform(), 0)]:
        recipe = Recipe(
            task=TwoSkills(),
            policy=Linear(),
            curriculum=curriculum,
            rollout=SampleTree(prompts=32, samples_per_prompt=5),
            advantage=(Standardize(),),
            objective=Objective(Reinforce()),
            update=Update(lr=0.02),
        )
        finals(recipe, length, measure, (seed,))
    return transfer(torch.stack(found[:-1]), found[-1])


def matrices() -> list[Transfer]:
    """One per seed, 300 steps."""
    return [matrix(seed, 300) for seed in range(5)]


@claim("Trained on both, the worst domain gains more than trained on the first alone", tier="proxy")
def worst_case(seed: int) -> Evidence:
    worst = torch.stack([each.worst for each in matrices()])
    return compare(worst[:, 2].tolist(), worst[:, 0].tolist(), "gain on the worst domain after 300 steps")


@claim("And the first gains as much as trained on it alone, within 0.05", tier="proxy")
def near_specialist(seed: int) -> Evidence:
    gain = torch.stack([each.gain[:, 0] for each in matrices()])
    return compare(gain[:, 2].tolist(), gain[:, 0].tolist(), "gain on the first domain after 300 steps", margin=-0.05)


@claim("Training on the second alone helps the first", tier="proxy")
def helps_other(seed: int) -> Evidence:
    gain = torch.stack([each.gain[1, 0] for each in matrices()])
    return compare(gain.tolist(), [0.0] * len(gain), "gain on the first domain, trained on the second, against none")


paper = Paper(
    title="Can One Domain Help Others? A Data-Centric Study on Multi-Domain Reasoning via Reinforcement Learning",
    arxiv="2507.17512",
    kind="analysis",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={
        "mix": compose(Scored(Tags()), shaping=MIX),
        "independent": compose(Scored(Tags()), shaping=INDEPENDENT),
        "curriculum": compose(curriculum=Stages(by="difficulty")),
    },
    claims=(rules, schemes, worst_case, near_specialist, helps_other),
)

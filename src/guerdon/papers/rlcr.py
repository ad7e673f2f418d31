"""Beyond Binary Rewards: Training LMs to Reason About Their Uncertainty (RLCR).

Idea
    Let the response say how sure it is of its answer, and reward correctness less the Brier loss of that number: only
    answers that are accurate and calibrated pay most.
Maths
    ``R = c - (q - c)^2``. For P(c = 1) = p: ``E R(q) = p - p (1 - q)^2 - (1 - p) q^2``, largest at q = p with value p^2.
Reads
    ``traj.response``, ``traj.reward/correct``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Recalled. That every bounded proper rule leaves the choice of the answer alone is not so: its worst loss may not
    exceed the reward of a right answer (``rewards/scoring_rule.py``), which three times Brier or a log rule with a
    floor of 0.01 break. A response without a readable confidence earns 0 besides its format.
"""

import dataclasses
from functools import cache
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.metrics.calibration import Calibration, brier, ece
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.piece import Transform
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.confidence import Confidence
from guerdon.rewards.scored import Scored
from guerdon.rewards.scoring_rule import ScoringRule, score
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.scorers.format import Tags
from guerdon.tasks.uncertain_answer import UncertainAnswer
from guerdon.update import Update


def compose(*rewards: Transform) -> Recipe:
    """GRPO with stated confidences and these further rewards."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), Scored(Tags(("think", "answer", "analysis", "confidence"))), Confidence(), *rewards),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
        metrics=(Calibration(),),
    )


RECIPE, BINARY = compose(ScoringRule()), compose()
GRID = torch.arange(101, dtype=torch.float64) / 100


@claim("For chances p = .2, .5, .8 of being right, the best confidence to state is p, and it earns p squared")
def truth_pays(seed: int) -> Evidence:
    error = 0.0
    for p in (0.2, 0.5, 0.8):
        value = p + p * score(GRID, torch.ones_like(GRID)) + (1 - p) * score(GRID, torch.zeros_like(GRID))
        error = max(error, abs(float(value.max()) - p * p), abs(float(GRID[value.argmax()]) - p))
    return Evidence(error, 0.0, 1e-9, note="largest error over a grid of 0.01")


@claim("With the log rule an even chance, honestly stated, earns less than a surely wrong answer with confidence 0")
def unbounded(seed: int) -> Evidence:
    right, stated = torch.tensor([1.0, 0.0, 0.0]).double(), torch.tensor([0.5, 0.5, 0.0]).double()
    columns = {"traj.reward/correct": right, "traj.confidence": stated}
    rule = ScoringRule("log")(ragged([right.tolist()], columns=columns))["traj.reward/calibration"]
    earned = right + torch.as_tensor(rule)
    return Evidence(float(earned[2] - earned[:2].mean()), 0.19, 0.2, note="difference: log 2 - 1/2")


def toy(recipe: Recipe) -> Recipe:
    """64 prompts, 6 answers that are right by chance, 11 confidences."""
    return dataclasses.replace(
        recipe,
        task=UncertainAnswer(),
        policy=Tabular(),
        rollout=SampleTree(prompts=64, reward="correct", extra=("traj.confidence",)),
        rewards=recipe.rewards[3:],
        update=Update(lr=0.02, max_grad_norm=None),
        metrics=(),
    )


def calibration(result: Result, task: Any) -> tuple[float, float]:
    """Exact ECE and Brier loss of the policy over all prompts."""
    with torch.no_grad():
        weights = result.policy.rows(torch.arange(task.contexts)).softmax(-1)  # pyright: ignore[reportCallIssue]
    stated = task.confidences().expand_as(weights)
    return ece(stated, task.rewards(), weights=weights), brier(stated, task.rewards(), weights=weights)


@cache
def runs(calibrated: bool) -> tuple[tuple[float, ...], ...]:
    """(ECE, Brier loss, accuracy) per seed after 1500 steps."""
    found: list[tuple[float, ...]] = []

    def measure(result: Result, task: Any) -> float:
        found.append((*calibration(result, task), solved()(result, task)))
        return 0.0

    finals(toy(RECIPE if calibrated else BINARY), 1500, measure, (0, 1, 2))
    return tuple(zip(*found, strict=True))


@claim("Rewarding calibration gives a lower calibration error than rewarding correctness alone", tier="proxy")
def calibrated(seed: int) -> Evidence:
    ours, baseline = runs(True), runs(False)
    evidence = compare(ours[0], baseline[0], "exact ECE after 1500 steps", lower=True)
    losses = [sum(each[1]) / len(each[1]) for each in (ours, baseline)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; Brier {losses[0]:.3f} against {losses[1]:.3f}")


@claim("It does so within 0.02 of the accuracy", tier="proxy")
def as_accurate(seed: int) -> Evidence:
    return compare(runs(True)[2], runs(False)[2], "exact accuracy after 1500 steps", margin=-0.02)


paper = Paper(
    title="Beyond Binary Rewards: Training LMs to Reason About Their Uncertainty",
    arxiv="2507.16806",
    kind="method",
    source="recalled",
    year=2025,
    recipe=RECIPE,
    compositions={"binary": BINARY, "spherical": compose(ScoringRule("spherical")), "log": compose(ScoringRule("log"))},
    claims=(truth_pays, unbounded, calibrated, as_accurate),
)

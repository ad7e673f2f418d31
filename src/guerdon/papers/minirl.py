"""MiniRL: Stabilizing Reinforcement Learning with LLMs, Formulation and Practices.

Idea
    The token surrogate is the first-order expansion of the sequence objective; it holds only while the engine's mismatch
    and staleness are small. Correct for both with one importance weight, and mask what has moved too far.
Maths
    ``l = -sg(min(pi / mu, 5)) M A log pi``, summed over a response; mu the sampling engine, ``A = R - mean_g``. M is 0 if
    A > 0 and pi/old > 1.27 or A < 0 and pi/old < 0.8, else 1: the mask sees the trainer's policies only.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``, ``action.behavior_logprob``.
Deviations
    Equations from quotations of the paper; the constants 0.2, 0.27 and 5 are recalled. Routing replay, which is for
    mixtures of experts, is not here. The engine's mismatch of the toy is a fixed noise on the sampler's logits.
"""

import dataclasses
import math
from typing import cast

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenSum
from guerdon.objectives.clip_mask import ClipMask
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.solvers.enumerate import expected_reward
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

MISMATCH = 0.3
"""Standard deviation of the noise on the sampler's logits."""
RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(scale="none"),),
    objective=Objective(
        Reinforce(),
        SeqMeanTokenSum(),
        (ImportanceWeight("current", "behavior", high=5.0), ClipMask(clip_high=0.27)),
    ),
    update=Update(minibatches=4),
)


@claim("Weights 2 (A = 1, .5 against .25), 0 (old .3: masked), -5 (A = -1, .01: capped), and 1 where all agree")
def weights(seed: int) -> Evidence:
    columns = {
        "traj.advantage": [1.0, 1.0, -1.0, 1.0],
        "token.old_logprob": [math.log(p) for p in (0.4, 0.3, 0.4, 0.5)],
        "token.behavior_logprob": [math.log(p) for p in (0.25, 0.25, 0.01, 0.5)],
    }
    logprob = torch.full((4,), math.log(0.5), dtype=torch.float64, requires_grad=True)
    batch = ragged([[0.0] * 4], columns=columns).with_columns({"token.logprob": logprob})
    loss, _ = RECIPE.objective(RECIPE.objective.prepare(batch), {})
    (slope,) = torch.autograd.grad(loss, logprob)
    expected = torch.tensor([2.0, 0.0, -5.0, 1.0], dtype=torch.float64)
    return Evidence(float((-4 * slope - expected).abs().max()), 0.0, 1e-9, note="largest error")


@claim("For 100 tokens of log ratio 1e-4 the product of the ratios and its first-order expansion differ by 5e-5")
def first_order_gap(seed: int) -> Evidence:
    columns = {"token.logprob": [1e-4] * 100, "token.behavior_logprob": [0.0] * 100}
    batch = ragged([[0.0]], [100], columns)
    product = ImportanceWeight("current", "behavior", "sequence_sum", high=None)(batch)[0]
    expansion = 1 + (ImportanceWeight("current", "behavior", high=None)(batch) - 1).sum()
    return Evidence(float(product - expansion), 4.9e-5, 5.1e-5, note="product minus expansion")


def toy(recipe: Recipe) -> Recipe:
    """Three tokens of eight, one right response per prompt; the sampler's logits are off by N(0, 0.3)."""
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=8, vocab=4, depth=3, correct=2),
        policy=Tabular(),
        rollout=SampleTree(prompts=8, samples_per_prompt=16, mismatch=MISMATCH),
        rewards=(),
        update=Update(lr=0.02),
    )


@claim(
    "With a sampler that is off, the corrected gradient ends with more reward than the uncorrected one", tier="proxy"
)
def corrects_mismatch(seed: int) -> Evidence:
    bare = dataclasses.replace(RECIPE, objective=Objective(Reinforce(), SeqMeanTokenSum()))
    ours, baseline = (finals(toy(recipe), 300, success_rate) for recipe in (RECIPE, bare))
    return compare(ours, baseline, "exact success rate of the trainer's policy after 300 steps")


def success_rate(result: Result, task: TokenTree) -> float:
    """Exact expected reward of the trained policy."""
    return float(expected_reward(task, cast(TabularPolicy, result.policy).logits.detach()))


paper = Paper(
    title="Stabilizing Reinforcement Learning with LLMs: Formulation and Practices",
    arxiv="2512.01374",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    claims=(weights, first_order_gap, corrects_mismatch),
)

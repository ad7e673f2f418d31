"""Reasoning as Compression: Unifying Budget Forcing via the Conditional Information Bottleneck.

Idea
    Keep what the reasoning tells about the answer and pay for what it tells beyond a prior that does not see the
    prompt; a length penalty is the case of a uniform prior.
Maths
    ``R = c + beta sum_t log Q(z_t | z_<t)`` over the reasoning trace, Q frozen; then GRPO with 16 responses.
Reads
    ``traj.reward/correct``, ``action.prior_logprob``, ``action.logprob``, ``action.old_logprob``.
Deviations
    Equations from a third party's text; no code was found. beta is not known (0.001 here, per nat). The closing tag is
    Qwen3's. The paper starts from DLER's policy. In the toy with filler the cost per token falls on the working
    thoughts, which the prior finds unlikely, so the paper's effect is not to be expected there.
"""

import dataclasses
import math
from typing import Any

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.piece import Transform
from guerdon.policies.hugging_face import HuggingFaceLM
from guerdon.policies.linear import Linear
from guerdon.recipe import Recipe
from guerdon.rewards.prior import PromptFreePrior, UniformPrior, UnigramPrior
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.shaping.surprisal import Surprisal
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.tasks.chain_length import ChainLength
from guerdon.update import Update

THINK_END = (151668,)
"""``</think>`` of Qwen3's tokenizer."""


def compose(prior: Transform, beta: float = 1e-3) -> Recipe:
    """GRPO that charges for surprise under a prior."""
    return Recipe(
        rollout=Sample(samples_per_prompt=16),
        rewards=(Verifier(), prior, Surprisal(beta, THINK_END)),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
    )


RECIPE = compose(PromptFreePrior(HuggingFaceLM("Qwen/Qwen2.5-1.5B")))
LENGTH = compose(UniformPrior(151936))


def costs(prior: Transform, beta: float, ids: list[int], lengths: list[int]) -> torch.Tensor:
    """The component ``[traj]`` of responses with these ids."""
    batch = ragged([[0.0] * len(lengths)], lengths, {"token.id": torch.tensor(ids)})
    batch = batch.with_columns(prior(batch))
    return torch.as_tensor(Surprisal(beta)(batch)["traj.reward/surprisal"])


@claim("Seven right tokens under a uniform prior over 50 symbols earn 1 - 0.07 log 50 = 0.72616 at beta 0.01")
def uniform(seed: int) -> Evidence:
    got = 1 + float(costs(UniformPrior(50), 0.01, [0] * 7, [7]))
    return Evidence(got, 0.726158 - 1e-5, 0.726158 + 1e-5, note="reward")


@claim("The cost of a response is that of its parts, and a filler of probability 0.9 costs 21.9 times less than a 0.1")
def additive(seed: int) -> Evidence:
    prior = UnigramPrior((0.9, 0.1))
    whole, first, rest, filler, work = costs(prior, 1.0, [0, 1, 1, 0, 1, 1, 0, 1], [3, 1, 2, 1, 1]).tolist()
    assert abs(work / filler - math.log(0.1) / math.log(0.9)) < 1e-3
    return Evidence(abs(whole - first - rest), 0.0, 1e-6, note="difference between whole and parts, nats")


WORK, STOPS, EMPTY = 0.0999, 0.001, 0.8991
"""What the toy's prior gives to working thoughts, the stop and filler: the start's own shares."""
ENTROPY = -sum(p * math.log(p) for p in (WORK, STOPS, EMPTY))
"""Nats per action of the start's responses: what makes the two prices equal there."""


def toy(prior: Transform, beta: float) -> Recipe:
    """The chain with filler, 16 x 8 responses per step."""
    return Recipe(
        task=ChainLength(filler=True, longest_need=4),
        policy=Linear(),
        rollout=SampleTree(prompts=16),
        rewards=(prior, Surprisal(beta)),
        shaping=(WeightedSum({"task": 1.0, "surprisal": 1.0}),),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(lr=0.02, minibatches=4),
    )


SEMANTIC = toy(UnigramPrior((WORK, STOPS, EMPTY)), 0.02)
UNIFORM = toy(UniformPrior(3), 0.02 * ENTROPY / math.log(3))


@claim("At equal cost of the start's responses the semantic prior keeps more accuracy than a uniform one", tier="proxy")
def semantic_prior(seed: int) -> Evidence:
    lengths: dict[str, list[float]] = {}
    ours, baseline = (accuracy_and_length(name, recipe, lengths) for name, recipe in (("s", SEMANTIC), ("u", UNIFORM)))
    evidence = compare(ours, baseline, "accuracy over the last 50 of 200 steps")
    means = [math.fsum(lengths[name]) / len(lengths[name]) for name in ("s", "u")]
    return dataclasses.replace(evidence, note=f"{evidence.note}; length {means[0]:.3g} against {means[1]:.3g}")


def accuracy_and_length(name: str, recipe: Recipe, lengths: dict[str, list[float]]) -> list[float]:
    """Accuracy of each seed's last 50 steps; the lengths go into the dict."""

    def measure(result: Result, task: Any) -> float:
        lengths.setdefault(name, []).append(last("length", 50)(result, task))
        return last("reward/task", 50)(result, task)

    return finals(recipe, 200, measure, (0, 1, 2))


paper = Paper(
    title="Reasoning as Compression: Unifying Budget Forcing via the Conditional Information Bottleneck",
    arxiv="2603.08462",
    kind="method",
    source="paper",
    year=2026,
    recipe=RECIPE,
    compositions={"length_penalty": LENGTH},
    claims=(uniform, additive, semantic_prior),
)

"""BroRL: Scaling Reinforcement Learning via Broadened Exploration.

Idea
    Hundreds of responses per prompt: the only term of a step that can cost right mass comes from actions that were not
    sampled, and it vanishes with their number.
Maths
    See ``solvers/mass_balance.py``. Recipe: REINFORCE++-baseline (centred per group, whitened over the batch), clip
    0.2 and 0.28, dynamic sampling, N = 512.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    ProRL's resets of the reference and its KL loss are left out. The share of prompts that lose mass is not measured.
"""

import dataclasses
import itertools

import torch

from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers.reinforce_pp import BASELINE
from guerdon.rollouts.sample import Sample
from guerdon.solvers.mass_balance import logit_step, mass_terms, unsampled_square

RECIPE = dataclasses.replace(
    BASELINE,
    rollout=Sample(samples_per_prompt=512),
    filters=(DynamicSampling("traj.reward/correct"),),
    objective=Objective(PPOClip(0.2, 0.28), TokenMean()),
)


@claim("On 8 logits the three terms are the change of right mass after a real step of 1e-6; the sampled ones help")
def balance(seed: int) -> Evidence:
    logits = torch.randn(8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    right, sampled = torch.arange(8) < 3, torch.arange(8) % 2 == 0
    p = logits.softmax(0)
    terms = mass_terms(p, right, sampled)
    after = (logits + 1e-6 * logit_step(p, right, sampled)).softmax(0)
    error = float((after[right].sum() - p[right].sum() - 1e-6 * terms.sum()).abs())
    return Evidence(error if bool((terms[:2] >= 0).all()) else float("nan"), 0.0, 1e-12, note="error")


@claim("The expected square of what is missed falls with every doubling of N")
def lemma(seed: int) -> Evidence:
    p = torch.randn(64, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).softmax(0)
    missed = [unsampled_square(p, 2**power) for power in range(11)]
    return Evidence(max(b / a for a, b in itertools.pairwise(missed)), 0.0, 1 - 1e-6, note="largest ratio")


paper = Paper(
    title="BroRL: Scaling Reinforcement Learning via Broadened Exploration",
    arxiv="2510.01180",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    claims=(balance, lemma),
)

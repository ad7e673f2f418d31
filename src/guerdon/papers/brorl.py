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
    ProRL's resets of the reference and its KL loss are left out. The proxies take one exact step instead of a run.
"""

import dataclasses
import itertools

import torch

from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import SEEDS, compare
from guerdon.papers.reinforce_pp import BASELINE
from guerdon.rollouts.sample import Sample
from guerdon.solvers.mass_balance import logit_step, mass_terms, unsampled_square
from guerdon.tasks.token_tree import TokenTree

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


def steps(samples: int, seed: int) -> torch.Tensor:
    """First-order change of right mass per unit of step, for 256 prompts of 64 actions, 2 of them right, ``[prompts]``."""
    task = TokenTree(prompts=256, vocab=64, correct=2, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    p = (2 * torch.randn(task.prompts, task.vocab, generator=generator, dtype=torch.float64)).softmax(1)
    drawn = torch.multinomial(p, samples, replacement=True, generator=generator)
    sampled = torch.zeros_like(p, dtype=torch.bool).scatter(1, drawn, True)
    right = task.rewards() > 0
    return torch.stack([mass_terms(p[row], right[row], sampled[row]).sum() for row in range(task.prompts)])


@claim("In one exact step fewer prompts lose right mass with 512 responses than with 8", tier="proxy")
def broad(seed: int) -> Evidence:
    many, few = ([float((steps(count, at) < 0).double().mean()) for at in SEEDS] for count in (512, 8))
    return compare(many, few, "share of prompts that lose right mass with 512 and with 8 responses", lower=True)


@claim("And right mass grows more per unit of step", tier="proxy")
def grows(seed: int) -> Evidence:
    many, few = ([float(steps(count, at).mean()) for at in SEEDS] for count in (512, 8))
    return compare(many, few, "mean first-order change of right mass, times N / eta")


paper = Paper(
    title="BroRL: Scaling Reinforcement Learning via Broadened Exploration",
    arxiv="2510.01180",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    claims=(balance, lemma, broad, grows),
)

"""CANON: Conditional Advantage Estimation for Reinforcement Learning in Large Reasoning Models.

Idea
    Split each group by a metric and compare responses with the other half, so that whichever direction of the metric
    is better gets amplified; comparing inside the own half keeps what the metric does not explain.
Maths
    ``A_i = mu (R_i - mean other half) + (1 - mu)(R_i - mean own half)``, no std; constant length in the denominator of the
    loss; clip 0.2 / 0.28, no KL. mu = 1/2 with equal halves is Dr. GRPO. alpha < 1 on the long half favours short.
Reads
    ``traj.reward``, the lengths or ``action.old_entropy``, ``action.logprob``, ``action.old_logprob``.
Deviations
    The division by L_max is in the aggregation, with 1/B. Budget and group are small here (16 responses, 512 prompts in
    the paper). With mu = 1 and an odd group the advantages do not add up to 0.
"""

import torch

from guerdon.advantages.conditional_split import ConditionalSplit
from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import chain, shorter
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.update import Update

BUDGET = 64
"""Longest response, in tokens."""


def compose(advantage: Transform) -> Recipe:
    """The recipe with this advantage."""
    return Recipe(
        rollout=Sample(samples_per_prompt=16, sampling=Sampling(max_tokens=BUDGET)),
        rewards=(Verifier(),),
        advantage=(advantage,),
        objective=Objective(PPOClip(0.2, 0.28), SumOverLength(BUDGET)),
        update=Update(minibatches=4),
    )


RECIPE, DR_GRPO = compose(ConditionalSplit()), compose(Standardize(scale="none"))
SHORT = compose(ConditionalSplit(alpha=0.9))
ENTROPY = compose(ConditionalSplit(metric="action.old_entropy", weighted="low"))


@claim("Rewards 1, 1, 0, 0 in order of length give 1, 1, -1, -1 between the halves and 0 inside them")
def halves(seed: int) -> Evidence:
    batch = ragged([[1.0, 1.0, 0.0, 0.0]], [1, 2, 3, 4])
    got = [torch.as_tensor(ConditionalSplit(mu)(batch)["traj.advantage"]) for mu in (1.0, 0.0)]
    expected = torch.tensor([[1.0, 1.0, -1.0, -1.0], [0.0] * 4], dtype=torch.float64)
    return Evidence(float((torch.stack(got) - expected).abs().max()), 0.0, 1e-9, note="largest error")


@claim("With equal halves and mu = 1/2 the advantage is exactly that of Dr. GRPO")
def middle(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    rewards = torch.rand((3, 6), generator=generator, dtype=torch.float64).tolist()
    batch = ragged(rewards, torch.randint(1, 9, (18,), generator=generator).tolist())
    pieces = (ConditionalSplit(0.5), DR_GRPO.advantage[0])
    ours, theirs = (torch.as_tensor(piece(batch)["traj.advantage"]) for piece in pieces)
    return Evidence(float((ours - theirs).abs().max()), 0.0, 1e-9, note="largest difference")


@claim("With the long half's rewards at 0.9 responses stay shorter than with Dr. GRPO", tier="proxy")
def favours_short(seed: int) -> Evidence:
    return shorter(chain(SHORT), chain(DR_GRPO), 200)


paper = Paper(
    title="Conditional Advantage Estimation for Reinforcement Learning in Large Reasoning Models",
    arxiv="2509.23962",
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={
        "intra": compose(ConditionalSplit(0.0)),
        "first_intra_later_inter": compose(ConditionalSplit("accuracy")),
        "first_inter_later_intra": compose(ConditionalSplit("inverse")),
        "cosine": compose(ConditionalSplit("cosine")),
        "short": SHORT,
        "entropy": ENTROPY,
        "dr_grpo": DR_GRPO,
    },
    claims=(halves, middle, favours_short),
)

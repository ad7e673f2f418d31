"""REINFORCE++: returns to go, whitened over the batch; with a group-mean baseline as a variant (baseline-reinforcepp).

Idea
    Neither critic nor groups: what a token earned from here on, compared with all tokens of the batch.
Maths
    ``G_t = r_t + gamma G_{t+1}`` with ``r_t = -beta k1_t`` and the outcome on the last token;
    ``A = (G - mean) rsqrt(var + 1e-8)`` over all tokens. -baseline: ``a_i = R_i - mean_g`` on every token, whitened
    alike, so that a response counts once per token in mean and variance.
Reads
    ``traj.reward``, ``action.old_logprob``, ``action.ref_logprob``, ``action.logprob``.
Deviations
    Known from verl; TRL has none (nearest: RLOO with whitened advantages). verl keeps the raw reward of a group of one.
"""

import torch

from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.credit.last_action import LastAction
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import bernoulli_groups, ragged
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.shaping.kl_reward import KLReward
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    credit=(LastAction(), KLReward(0.001, "k1", "action.reward")),
    advantage=(ReturnToGo(), Whiten()),
    objective=Objective(PPOClip(), TokenMean()),
    update=Update(minibatches=4),
)
BASELINE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(scale="none", singleton="raw"), Whiten()),
    objective=Objective(PPOClip(), TokenMean()),
    update=Update(minibatches=4),
)


@claim("Whitened advantages have mean 0 and variance 1 over tokens, not over responses")
def moments(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 40, (64,), generator=generator).tolist()
    rewards = torch.randn(64, generator=generator).tolist()
    batch = ragged([rewards], lengths)
    for piece in (LastAction(), *RECIPE.advantage):
        batch = batch.with_columns(piece(batch))
    advantage = batch["action.advantage"]
    error = torch.maximum(advantage.mean().abs(), (advantage.var() - 1).abs())
    return Evidence(float(error), 0.0, 1e-6, note="largest error of the two moments")


@claim("Two prompts solved 95% and 50% of the time keep their weights p(1-p) in the -baseline variant: one std for all")
def one_scale(seed: int) -> Evidence:
    batch = bernoulli_groups([0.95, 0.5], 4096, seed)
    for piece in BASELINE.advantage:
        batch = batch.with_columns(piece(batch))
    easy, even = batch["action.advantage"].square().reshape(2, -1).mean(1).tolist()
    return Evidence(easy / even, 0.15, 0.23, note="advantage energy, easy prompt over even one")


paper = Paper(
    title="REINFORCE++: Stabilizing Critic-Free Policy Optimization with Global Advantage Normalization",
    arxiv="2501.03262",
    kind="baseline",
    source="code",
    year=2025,
    authors="Hu et al.",
    recipe=RECIPE,
    compositions={"verl": RECIPE, "verl_baseline": BASELINE},
    claims=(moments, one_scale),
)

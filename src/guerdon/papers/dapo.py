"""DAPO: clip higher, sample dynamically, average over tokens, punish overlong answers softly (baseline-dapo).

Idea
    Four repairs of GRPO for long reasoning: room for unlikely tokens to grow, no groups without signal, no length
    bias between responses, and a penalty that rises before the budget cuts the answer off.
Maths
    clip(rho, 0.8, 1.28); keep a group iff the std of its accuracy is positive; ``r += min(0, (L_max - L_buf - len) /
    L_buf)``; ``L = sum_it l_it / sum_i T_i``; no KL.
Reads
    ``traj.reward/correct``, the lengths, ``action.logprob``, ``action.old_logprob``.
Deviations
    Budget and buffer are small here (the paper: 20480 and 4096). ``Recipe.max_refills`` bounds the search for groups,
    and a run that finds none stops with a sentence. TRL's loss_type "dapo" is the token mean alone, and its remedy for
    overlong answers is another one: leave cut responses out of the loss.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.curricula.dynamic_sampling import DynamicSampling
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.row_weight import MaskWhere
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import one_action, ragged
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.shaping.overlong import OverlongPenalty
from guerdon.update import Update

BUDGET, BUFFER = 32, 8
"""Longest response, and where its penalty begins before it, in tokens."""

RECIPE = Recipe(
    rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
    rewards=(Verifier(name="correct"), OverlongPenalty(BUDGET, BUFFER)),
    filters=(DynamicSampling("traj.reward/correct"),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip(0.2, 0.28, dual_clip=10.0), TokenMean()),
    update=Update(minibatches=4),
)
TRL = Recipe(
    rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
    rewards=(Verifier(name="correct"),),
    advantage=(Standardize(eps=1e-4), MaskWhere("traj.truncated")),
    objective=Objective(PPOClip(0.2, 0.28, dual_clip=None, log_ratio_bounds=(None, None)), TokenMean()),
    update=Update(minibatches=4),
)


@claim("With a budget of 100 and a buffer of 20, lengths 70, 80, 90, 100 cost 0, 0, 0.5, 1")
def overlong(seed: int) -> Evidence:
    penalty = OverlongPenalty(100, 20)(ragged([[0.0] * 4], [70, 80, 90, 100]))["traj.reward/overlong"]
    error = (torch.as_tensor(penalty) - torch.tensor([0.0, 0.0, -0.5, -1.0])).abs().max()
    return Evidence(float(error), 0.0, 1e-6, note="largest error")


@claim("Of the groups (1, 1), (0, 1) and (0, 0) only the second is kept")
def dynamic_sampling(seed: int) -> Evidence:
    kept = DynamicSampling()(ragged([[1, 1], [0, 1], [0, 0]])).tolist()
    return Evidence(float(kept == [False, True, False]), 1.0, 1.0, note="1 if so")


@claim("A good token's probability may grow to 1.28 times before its gradient stops, a bad one's fall to 0.8 times")
def clip_higher(seed: int) -> Evidence:
    moving = [
        one_action(RECIPE.objective, ratio, advantage)[1] != 0.0
        for ratio, advantage in ((1.27, 1.0), (1.29, 1.0), (0.81, -1.0), (0.79, -1.0))
    ]
    return Evidence(float(moving == [True, False, True, False]), 1.0, 1.0, note="1 if the gradient stops there")


paper = Paper(
    title="DAPO: An Open-Source LLM Reinforcement Learning System at Scale",
    arxiv="2503.14476",
    kind="baseline",
    source="code",
    year=2025,
    authors="Yu et al.",
    recipe=RECIPE,
    compositions={"verl": RECIPE, "trl": TRL},
    claims=(overlong, dynamic_sampling, clip_higher),
)

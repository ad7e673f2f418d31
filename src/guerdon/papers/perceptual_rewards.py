"""Unsupervised Perceptual Rewards for Imitation Learning.

Idea
    From a few videos in the feature space of a frozen network: find the task's steps, pick the few features that tell
    each apart, and add up the steps' likelihoods, later ones weighing more.
Maths
    ``rewards/perceptual.py``: segmentation of least spread, ``z = 5 |mu+ - mu-| - (sigma+ + sigma-)``, the 32 features
    with the largest z, ``R = sum_{g >= 2} 2^(g-1) mean log N``.
Reads
    ``step.features``, and a file of demonstrations.
Deviations
    Recalled: the objective, alpha, 32 and the weights. No network and no robot here; features are made, and what
    the RL would gain by the reward is not measured. The paper's alternative for two steps, logistic regression, is not
    part of it.
"""

import torch

from guerdon.metrics.correlation import spearman
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.rewards.perceptual import StepModel, combined, recognize, segment_steps
from guerdon.solvers.step_videos import StepVideos

SEEDS = (0, 1, 2, 3, 4)


@claim("Three separated blocks of 6 frames are cut at 0, 6 and 12, and the reward rises from block to block")
def blocks(seed: int) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    demo = 0.05 * torch.randn((18, 3), generator=generator) + torch.eye(3).repeat_interleave(6, 0)
    cuts = segment_steps([demo], 3)
    reward = combined(recognize([demo], cuts, top=1).log_likelihood(demo, -20.0))
    means = [float(reward[start : start + 6].mean()) for start in (0, 6, 12)]
    return Evidence(float(cuts == [0, 6, 12] and means[0] < means[1] < means[2]), 1.0, 1.0, note="1 if both hold")


def rank_correlation(task: StepVideos, model: StepModel) -> float:
    """Mean rank correlation of the reward with the true step over 20 unseen episodes."""
    values = []
    for number in range(20):
        frames, step = task.episode(number)
        values.append(spearman(combined(model.log_likelihood(frames, -20.0)), step.double()))
    return sum(values) / len(values)


def correlations(top: int) -> list[float]:
    """Per seed, from 5 demonstrations and ``top`` features per step."""
    found = []
    for seed in SEEDS:
        task = StepVideos(seed=seed)
        demos = task.demonstrations(5)
        found.append(rank_correlation(task, recognize(demos, segment_steps(demos, 3), top)))
    return found


@claim("Five demonstrations give a reward whose rank correlation with the true step is above 0.8", tier="proxy")
def ranks_steps(seed: int) -> Evidence:
    ours = correlations(8)
    return compare(ours, [0.0] * len(ours), "rank correlation on unseen episodes, 8 features", margin=0.8)


@claim("Eight chosen features rank the steps better than all of them", tier="proxy")
def few_are_better(seed: int) -> Evidence:
    return compare(correlations(8), correlations(64), "rank correlation on unseen episodes, 8 features against all")


paper = Paper(
    title="Unsupervised Perceptual Rewards for Imitation Learning",
    arxiv="1612.06699",
    kind="method",
    source="recalled",
    year=2017,
    authors="Sermanet et al.",
    claims=(blocks, ranks_steps, few_are_better),
)

"""VLM-RMs: Vision-Language Models are Zero-Shot Reward Models for Reinforcement Learning.

Idea
    A picture's similarity to a prompt is a reward; project onto the line from a baseline prompt to the goal prompt, and
    what has nothing to do with the task fades out.
Maths
    ``r = 1 - |P (x - g)|^2 / 2``, ``P = alpha d d^T / |d|^2 + (1 - alpha) I``, d from baseline to goal.
Reads
    ``step.embedding``, which a rollout or a reward that holds the encoder writes.
Deviations
    No encoder and no rendering here: the toy's embeddings are made, so true progress is known. Its RL is exact (value
    iteration). The paper chooses alpha by the EPIC distance, which for rewards on labelled states is the Pearson
    correlation used here. No recipe: SAC or DQN on rendered frames needs the encoder.
"""

import torch

from guerdon.metrics.correlation import pearson
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._proxy import compare
from guerdon.rewards.projected_similarity import projected_similarity
from guerdon.solvers.embedded_chain import EmbeddedChain

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
SEEDS = tuple(range(10))


@claim("The goal's embedding earns 1 at every alpha, and alpha 0 with one prompt is the cosine similarity")
def ends(seed: int) -> Evidence:
    task = EmbeddedChain(seed=seed)
    (goal, base), pictures = task.prompts(), task.pictures()
    errors = [float((projected_similarity(goal, goal, base, alpha) - 1).abs().max()) for alpha in ALPHAS]
    cosine = torch.nn.functional.cosine_similarity(pictures, goal)
    errors.append(float((projected_similarity(pictures, goal, base, 0.0) - cosine).abs().max()))
    return Evidence(max(errors), 0.0, 1e-12, note="largest error")


def rewards(alpha: float) -> list[tuple[EmbeddedChain, torch.Tensor]]:
    """One task per seed and its reward by state."""
    tasks = [EmbeddedChain(seed=seed) for seed in SEEDS]
    return [(task, projected_similarity(task.pictures(), *task.prompts(), alpha)) for task in tasks]


@claim("Projected rewards follow true progress more closely than cosine similarity", tier="proxy")
def follows_progress(seed: int) -> Evidence:
    ours, baseline = ([pearson(reward, task.progress) for task, reward in rewards(alpha)] for alpha in (1.0, 0.0))
    return compare(ours, baseline, "correlation with progress, alpha 1 against 0")


@claim("The policy that is best for the projected reward gets to the goal from more states", tier="proxy")
def gets_there(seed: int) -> Evidence:
    def share(alpha: float) -> list[float]:
        found = rewards(alpha)
        return [task.reaches_goal(task.mdp(reward).optimal_q().argmax(1)) for task, reward in found]

    return compare(share(1.0), share(0.0), "share of the states that get to the goal and stay, alpha 1 against 0")


paper = Paper(
    title="Vision-Language Models are Zero-Shot Reward Models for Reinforcement Learning",
    arxiv=None,
    kind="method",
    source="code",
    year=2024,
    authors="Rocamonde et al.",
    claims=(ends, follows_progress, gets_there),
)

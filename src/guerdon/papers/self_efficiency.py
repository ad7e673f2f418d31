"""Exploring and Exploiting the Inherent Efficiency within Large Reasoning Models for Self-Guided Efficiency Enhancement.

Idea
    The policy can already be brief: its shortest right answer to a prompt says how long an answer has to be. Reward
    being close to it; or walk along the direction from verbose to concise hidden states while decoding.
Maths
    ``r = c (1 - w + w T_min / T)`` with T_min the shortest right response of the group, w = 0.5; then GRPO.
    ``v = mean h(concise) - mean h(verbose)``, decoded with ``h + a v``, a in [-2, 2].
Reads
    ``traj.reward/correct``, the lengths, ``action.logprob``, ``action.old_logprob``; hidden states for steering.
Deviations
    Only the abstract was read: the reward is a concrete definition made here, the steering is recalled. A group
    without a right response earns 0 throughout.
"""

import torch
from torch import nn

from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import LENGTH, STEPS, chain
from guerdon.papers._proxy import compare, finals
from guerdon.papers.grpo_lambda import compose
from guerdon.policies.steering import steered, steering_vector
from guerdon.shaping.relative_length import RelativeLength

RECIPE = compose(RelativeLength(0.5, compare="shortest"))
GRPO = compose()


@claim("Right lengths 10, 20 and a wrong answer of 5 earn 1, 0.75, 0")
def brevity(seed: int) -> Evidence:
    batch = ragged([[1.0, 1.0, 0.0]], [10, 20, 5], {"traj.reward/correct": [1.0, 1.0, 0.0]})
    cost = torch.as_tensor(RelativeLength(0.5, compare="shortest")(batch)["traj.reward/length"])
    expected = torch.tensor([1.0, 0.75, 0.0], dtype=torch.float64)
    return Evidence(
        float((batch["traj.reward/correct"] + cost - expected).abs().max()), 0.0, 1e-7, note="largest error"
    )


@claim(
    "States (1, 0), (3, 0) against (0, 1), (0, 3) give the direction (2, -2), and a layer sees it times the strength"
)
def direction(seed: int) -> Evidence:
    vector = steering_vector(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 3.0]]))
    layer, states = nn.Identity(), torch.randn(3, 2, generator=torch.Generator().manual_seed(seed))
    with steered(layer, vector, 0.5):
        moved = layer(states) - states
    return Evidence(float((moved - torch.tensor([1.0, -1.0])).abs().max()), 0.0, 1e-6, note="largest error at 0.5")


@claim("The brevity reward gives shorter responses than plain GRPO", tier="proxy")
def shortens(seed: int) -> Evidence:
    ours, baseline = (finals(chain(recipe), STEPS, LENGTH, (0, 1, 2)) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, f"response length after {STEPS} steps", lower=True)


paper = Paper(
    title="Exploring and Exploiting the Inherent Efficiency within Large Reasoning Models for Self-Guided Efficiency "
    "Enhancement",
    arxiv="2506.15647",
    kind="method",
    source="abstract",
    year=2025,
    recipe=RECIPE,
    compositions={"grpo": GRPO},
    claims=(brevity, direction, shortens),
)

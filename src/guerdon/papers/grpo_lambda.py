"""GRPO-lambda: Stable Reinforcement Learning for Efficient Reasoning.

Idea
    A length penalty on every prompt teaches the policy to give up on the hard ones. Charge for length only in the
    groups of the batch that are solved best; reward plain correctness in the others.
Maths
    ``r = c (1 - alpha sigmoid((T - mean) / std))`` in the ceil(lambda groups) most accurate groups, statistics over the
    group's right responses (population std); ``r = c`` elsewhere; lambda = 0.2. Then GRPO.
Reads
    ``traj.reward/correct``, the lengths, ``action.logprob``, ``action.old_logprob``.
Deviations
    Equations from notes that quote the paper, whose sample code wrongly pays wrong responses in the chosen groups.
    alpha = 0.6 is a third party's value, not checked against the paper. One right response alone has z = 0.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import ACCURACY, STEPS, chain
from guerdon.papers._proxy import compare, finals
from guerdon.piece import Transform
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.shaping.relative_length import RelativeLength
from guerdon.update import Update


def compose(*rewards: Transform) -> Recipe:
    """GRPO with these rewards beside correctness."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), *rewards),
        advantage=(Standardize(),),
        objective=Objective(PPOClip()),
        update=Update(minibatches=4),
    )


RECIPE, EVERYWHERE = compose(RelativeLength(0.6, top_share=0.2)), compose(RelativeLength(0.6))


@claim("Right lengths 10, 20, 30 in the better of two groups earn 0.86374, 0.7, 0.53626; the other group earns 0 or 1")
def better_half(seed: int) -> Evidence:
    rewards = [[1.0, 1.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]]
    lengths = [10, 20, 30, 5, 40, 7, 8, 9]
    batch = ragged(rewards, lengths, {"traj.reward/correct": [r for group in rewards for r in group]})
    cost = torch.as_tensor(RelativeLength(0.6, top_share=0.5)(batch)["traj.reward/length"])
    expected = torch.tensor([0.86374, 0.7, 0.53626, 0.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    error = (batch["traj.reward/correct"] + cost - expected).abs().max()
    return Evidence(float(error), 0.0, 1e-5, note="largest error")


@claim("A price on length in the best groups alone keeps more accuracy than one in all groups", tier="proxy")
def keeps_accuracy(seed: int) -> Evidence:
    ours, baseline = (finals(chain(recipe), STEPS, ACCURACY, (0, 1, 2)) for recipe in (RECIPE, EVERYWHERE))
    return compare(ours, baseline, f"accuracy after {STEPS} steps")


paper = Paper(
    title="Stable Reinforcement Learning for Efficient Reasoning",
    arxiv="2505.18086",
    kind="method",
    source="paper",
    year=2025,
    recipe=RECIPE,
    compositions={"everywhere": EVERYWHERE, "grpo": compose()},
    claims=(better_half, keeps_accuracy),
)

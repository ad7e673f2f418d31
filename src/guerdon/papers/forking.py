"""Beyond the 80/20 Rule: High-Entropy Minority Tokens Drive Effective RL for LLM Reasoning (Wang et al., 2025).

Idea
    A few tokens, the forks, decide where the reasoning goes; training on the 20% of highest entropy is enough.
Maths
    ``tau = quantile(H, 0.8)`` over the batch's tokens; ``loss = sum_it [H_it >= tau] l_it / sum_i T_i`` with DAPO's l. The
    count is of all tokens.
Reads
    ``action.old_entropy``, ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    TRL code (``top_entropy_quantile``) read, the paper recalled. TRL ranks by the current policy at the first inner step,
    which is ``old_entropy``, and restricts an entropy bonus to the same tokens. Ties at tau keep more than 20%.
"""

import dataclasses

import torch

from guerdon.credit.top_quantile import TopQuantile
from guerdon.objective import Objective
from guerdon.objectives.aggregation import TokenMean
from guerdon.objectives.row_weight import RowWeight
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, last
from guerdon.papers.dapo import RECIPE as DAPO
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.fork_sequences import ForkSequences
from guerdon.update import Update


def compose(*quantile: TopQuantile) -> Recipe:
    """DAPO on the tokens of a quantile."""
    objective = dataclasses.replace(DAPO.objective, weights=(RowWeight("action.top"),))
    return dataclasses.replace(DAPO, credit=quantile, objective=objective)


RECIPE, LOWEST = compose(TopQuantile(0.2)), compose(TopQuantile(0.8, lowest=True))


@claim("Of the entropies 0..9 in two trajectories exactly 8 and 9 are kept, and unit losses average 0.2")
def two_of_ten(seed: int) -> Evidence:
    batch = ragged([[0.0, 1.0]], [4, 6], {"token.old_entropy": [float(h) for h in (3, 8, 0, 5, 9, 1, 7, 2, 6, 4)]})
    top = torch.as_tensor(TopQuantile(0.2)(batch)["action.top"])
    right = batch["token.old_entropy"][top].tolist() == [8.0, 9.0]
    loss = float((top * TokenMean()(batch, "action")).sum())
    return Evidence(loss if right else float("nan"), 0.2 - 1e-6, 0.2 + 1e-6, note="mean of unit losses")


def toy(recipe: Recipe) -> Recipe:
    """Ten positions, two of them forks; group advantage and clip as in the recipe."""
    return dataclasses.replace(
        recipe,
        task=ForkSequences(prompts=8, certainty=0.8),
        policy=Tabular(),
        rollout=SampleTree(prompts=8, samples_per_prompt=16),
        rewards=(),
        filters=(),
        update=Update(lr=0.05),
    )


FULL = toy(dataclasses.replace(RECIPE, credit=(), objective=Objective(DAPO.objective.surrogate)))


@claim("The top 20% of tokens reach a higher reward than the bottom 80%", tier="proxy")
def forks_carry(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 200, last("reward"), (0, 1, 2)) for recipe in (RECIPE, LOWEST))
    return compare(ours, baseline, "reward after 200 steps")


@claim("The top 20% reach within 0.1 of the reward of all tokens", tier="proxy")
def enough(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 200, last("reward"), (0, 1, 2)) for recipe in (toy(RECIPE), FULL))
    return compare(ours, baseline, "reward after 200 steps, against all tokens", margin=-0.1)


paper = Paper(
    title="Beyond the 80/20 Rule: High-Entropy Minority Tokens Drive Effective Reinforcement Learning for LLM Reasoning",
    arxiv="2506.01939",
    kind="method",
    source="code",
    year=2025,
    authors="Wang et al.",
    recipe=RECIPE,
    compositions={"lowest_80": LOWEST, "dapo": DAPO},
    claims=(two_of_ten, forks_carry, enough),
)

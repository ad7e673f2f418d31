"""RL-PLUS: Countering Capability Boundary Collapse of LLMs in RL with Hybrid-policy Optimization.

Idea
    What the policy never samples it cannot learn from its own rollouts. Put one external solution into every group, with
    a bounded importance ratio, and raise the tokens most that the policy finds unlikely.
Maths
    ``A_i = R_i - mean of the sampled responses``. Sampled tokens: ``-A rho`` without a clip. External tokens:
    ``-A r (1 - sg p)^0.5`` with r as in ``objectives/multiple_importance.py``. Sum over tokens / L, entropy bonus 0.001.
Reads
    ``traj.reward``, ``traj.sampled``, ``action.logprob``, ``action.old_logprob``, ``action.entropy``.
Deviations
    L is small here. ``with_std`` divides by the sampled rewards' deviation, which the released script leaves out; equal
    rewards then give 0 for the demonstration too, where the code divides by 1. A wrong demonstration has A < 0. In the
    toy GRPO has no entropy bonus: where nothing else has a gradient, Adam lets the bonus alone find the action.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SumOverLength, TokenMean
from guerdon.objectives.by_origin import ByOrigin
from guerdon.objectives.entropy import EntropyBonus
from guerdon.objectives.multiple_importance import ExplorationWeight, MultipleImportance
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.piece import Rollout, Weight
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.rollouts.with_stored import WithStored
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

BUDGET = 64
"""Longest response, in tokens."""


def compose(advantage: Standardize, *weights: Weight) -> Recipe:
    """The recipe with this advantage and these weights."""
    surrogate = ByOrigin(PPOClip(None, None, dual_clip=None), MultipleImportance())
    aggregation = SumOverLength(BUDGET, per_trajectory=False)
    return Recipe(
        rollout=WithStored(Sample(samples_per_prompt=7, sampling=Sampling(max_tokens=BUDGET))),
        rewards=(Verifier(),),
        advantage=(advantage,),
        objective=Objective(surrogate, aggregation, weights=weights, regularizers=(EntropyBonus(),)),
        update=Update(lr=1e-6, minibatches=4),
    )


CENTERED = Standardize(scale="none", among="traj.sampled")
RECIPE = compose(CENTERED, ExplorationWeight())
UNWEIGHTED = compose(CENTERED)
WITH_STD = compose(Standardize(among="traj.sampled"), ExplorationWeight())


@claim(
    "A demonstration token at p = p_old = 1/2 with A = 1 costs -sqrt(1/2) / 1.25; r is 1 at certainty, never above 4"
)
def external_token(seed: int) -> Evidence:
    probability = torch.tensor([0.5, 1.0, 1.0], dtype=torch.float64)
    old = torch.tensor([0.5, 1.0, 0.0], dtype=torch.float64)
    batch = ragged([[1.0]], [3], {"traj.sampled": [False], "traj.advantage": [1.0]})
    batch = batch.with_columns({"token.logprob": probability.log(), "token.old_logprob": old.log()})
    ratio = -RECIPE.objective.surrogate(batch).values
    loss = -ratio[0] * RECIPE.objective.weights[0](batch)[0]
    error = (torch.stack([loss, *ratio]) - torch.tensor([-(0.5**0.5) / 1.25, 0.8, 1.0, 4.0])).abs().max()
    return Evidence(float(error), 0.0, 1e-6, note="largest error")


@claim("The mean is that of the sampled responses alone: rewards 1, 0, 0, 0 and a demonstration of 1 give it 0.75")
def baseline(seed: int) -> Evidence:
    batch = ragged([[1.0, 0.0, 0.0, 0.0, 1.0]], columns={"traj.sampled": [True] * 4 + [False]})
    got = torch.as_tensor(RECIPE.advantage[0](batch)["traj.advantage"])
    expected = torch.tensor([0.75, -0.25, -0.25, -0.25, 0.75], dtype=torch.float64)
    return Evidence(float((got - expected).abs().max()), 0.0, 1e-9, note="largest error")


def toy(recipe: Recipe, rollout: Rollout) -> Recipe:
    """A bandit whose right action has probability 1e-4 at the start."""
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=16, vocab=64, prior=1e-4),
        policy=Tabular(),
        rollout=rollout,
        rewards=(),
        objective=dataclasses.replace(recipe.objective, aggregation=TokenMean()),
        update=Update(lr=0.05),
    )


GRPO = dataclasses.replace(
    RECIPE,
    rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
)


@claim("From a prior of 1e-4 GRPO learns nothing in 200 steps and RL-PLUS solves 90 points more", tier="proxy")
def leaves_the_boundary(seed: int) -> Evidence:
    ours = finals(toy(RECIPE, WithStored(SampleTree(prompts=16, samples_per_prompt=7))), 200, solved())
    grpo = finals(toy(GRPO, SampleTree(prompts=16, samples_per_prompt=8)), 200, solved(), stops=True)
    return compare(ours, grpo, "probability of the right action after 200 steps", margin=0.9)


paper = Paper(
    title="RL-PLUS: Countering Capability Boundary Collapse of LLMs in Reinforcement Learning with Hybrid-policy "
    "Optimization",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    authors="Dong et al.",
    recipe=RECIPE,
    compositions={"no_exploration_weight": UNWEIGHTED, "with_std": WITH_STD, "grpo": GRPO},
    claims=(external_token, baseline, leaves_the_boundary),
)

"""NGRPO: Negative-enhanced Group Relative Policy Optimization.

Idea
    A group without a right answer gives GRPO nothing. Add a phantom perfect answer to its statistics, and all of its
    members get the same negative advantage.
Maths
    ``A_i = (R_i - mean(pool)) / (std(pool) + 1e-6)``, pool = the group's rewards and one copy of r_max = 1, sample std. All
    wrong with n = 8: -1/3 each; all right: 0. Clip 0.16 below (wrong answers), 0.24 above (right ones); token mean.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    All-right groups are filtered out in the released code; here their advantage is 0 and they stay in the count. A
    constant negative advantage has no expected on-policy gradient: what it does comes from Adam, clip and sampling.
"""

import dataclasses

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, solved
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

RECIPE = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(phantoms=(1.0,), singleton="raw"),),
    objective=Objective(PPOClip(0.16, 0.24)),
    update=Update(minibatches=4),
)
GRPO = dataclasses.replace(RECIPE, advantage=(Standardize(),), objective=Objective(PPOClip()))


@claim("All wrong (n = 8) gives -1/3 each, all right 0, and (1, 0) gives 0.57735, -1.15470")
def phantom(seed: int) -> Evidence:
    advantage = RECIPE.advantage[0](ragged([[0.0] * 8, [1.0] * 4, [1.0, 0.0]]))["traj.advantage"]
    expected = torch.tensor([-1 / 3] * 8 + [0.0] * 4 + [3**-0.5, -2 * 3**-0.5], dtype=torch.float64)
    return Evidence(float((torch.as_tensor(advantage) - expected).abs().max()), 0.0, 1e-5, note="largest error")


def toy(recipe: Recipe) -> Recipe:
    """256 one-token prompts whose right action has probability 0.002 at the start; four epochs with Adam."""
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=256, vocab=16, prior=0.002),
        policy=Tabular(),
        rollout=SampleTree(prompts=256),
        rewards=(),
        update=Update(lr=0.03, epochs=4, max_grad_norm=None),
    )


@claim("On prompts almost never solved, the phantom finds more right answers than GRPO", tier="proxy")
def finds_more(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 100, solved()) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "exact success probability after 100 steps")


paper = Paper(
    title="NGRPO: Negative-enhanced Group Relative Policy Optimization",
    arxiv=None,
    kind="method",
    source="code",
    recipe=RECIPE,
    compositions={"grpo": GRPO},
    claims=(phantom, finds_more),
)

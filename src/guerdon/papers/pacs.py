"""PACS: Implicit Actor Critic Coupling via a Supervised Learning Framework for RLVR.

Idea
    Score a response by the policy's own log-ratio and train the score to predict the outcome with cross entropy: actor
    and critic share one gradient.
Maths
    ``objectives/group_bce.py``: beta 1, leave-one-out scores, classes balanced inside a group. No advantage, clip, KL or
    entropy bonus; 8 responses per prompt.
Reads
    ``traj.reward`` (0 or 1), ``action.logprob``, ``action.old_logprob``.
Deviations
    The released code also sums the log ratios of padding; packed rows have none. A group of one is an error. In a group
    of equal outcomes the gradient is 0 where the scores are equal.
"""

import dataclasses
import math

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.group_bce import GroupBCE
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, effective_modes, finals, solved
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update


def compose(term: GroupBCE) -> Recipe:
    """The recipe with this objective."""
    return Recipe(
        rollout=Sample(), rewards=(Verifier(),), objective=Objective(term), update=Update(lr=1e-6, minibatches=4)
    )


GRPO = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(Standardize(),),
    objective=Objective(PPOClip()),
    update=Update(minibatches=4),
)
RECIPE, PER_TOKEN = compose(GroupBCE()), compose(GroupBCE(per_token=True))


@claim("Rewards 1, 0, 0, 0 at the old policy: loss log 2 and slopes -1/3, 1/9, 1/9, 1/9 in the scores")
def first_step(seed: int) -> Evidence:
    logprob = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    batch = ragged([[1.0, 0.0, 0.0, 0.0]], columns={"token.old_logprob": [0.0] * 4})
    batch = batch.with_columns({"token.logprob": logprob})
    loss, _ = RECIPE.objective(RECIPE.objective.prepare(batch), {})
    (slope,) = torch.autograd.grad(loss, logprob)
    got = torch.cat([loss.detach()[None], slope])
    expected = torch.tensor([math.log(2), -1 / 3, 1 / 9, 1 / 9, 1 / 9], dtype=torch.float64)
    return Evidence(float((got - expected).abs().max()), 0.0, 1e-9, note="largest error")


def toy(recipe: Recipe) -> Recipe:
    """A bandit with 3 right actions of 64 per prompt, 4 inner steps per batch."""
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=64, vocab=64, correct=3),
        policy=Tabular(1.0),
        rollout=SampleTree(prompts=64),
        rewards=(),
        update=Update(lr=0.05, minibatches=4),
    )


@claim("After 1.5 times its steps it is within 0.02 of GRPO's pass@1", tier="proxy")
def reaches_grpo(seed: int) -> Evidence:
    ours, baseline = finals(toy(RECIPE), 225, solved()), finals(toy(GRPO), 150, solved())
    return compare(ours, baseline, "exact pass@1 after 225 and 150 steps", margin=-0.02)


@claim("After equally many steps its right answers are spread over more actions than GRPO's", tier="proxy")
def keeps_modes(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 150, effective_modes) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "effective number of right actions (of 3) after 150 steps")


paper = Paper(
    title="Implicit Actor Critic Coupling via a Supervised Learning Framework for RLVR",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"per_token": PER_TOKEN},
    claims=(first_step, reaches_grpo, keeps_modes),
)

"""DRPO: Efficient Reasoning via Decoupled Reward Policy Optimization.

Idea
    Shaped rewards can give a right but long answer a negative advantage. Let length reweight the right answers among
    themselves only; the wrong ones act through a log-sum-exp of their likelihoods.
Maths
    ``J_q = sum_right w_i s_i - tau log sum_wrong exp(s_j / tau)``, s the mean log-prob of a response, w the softmax of
    ``(1 - T/L) / lambda``; lambda 0.1, tau 10. Minus the mean over all questions, plus a penalty above
    KL(old || new) = 1e-4 (``objectives/kl_limit.py``). No advantage, no clip.
Reads
    ``traj.reward/correct``, the lengths, ``action.logprob``, ``action.old_logprob``.
Deviations
    The released loss prints 1 where the log is; its gradient is this one. The KL that switches the penalty on is that of
    a micro-batch. L is small here. lambda = inf is DisCO's objective, without a preference for length.
"""

import dataclasses
import math

import torch

from guerdon.objective import Objective
from guerdon.objectives.decoupled_likelihood import DecoupledLikelihood
from guerdon.objectives.kl_limit import KLLimit
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._chain import ACCURACY, chain
from guerdon.papers._proxy import compare, finals
from guerdon.papers.grpo_lambda import EVERYWHERE
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.update import Update

BUDGET = 64
"""Longest response, in tokens."""


def compose(term: DecoupledLikelihood) -> Recipe:
    """The recipe with this objective."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
        rewards=(Verifier(),),
        objective=Objective(term, regularizers=(KLLimit(),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(DecoupledLikelihood(BUDGET))
DISCO = compose(DecoupledLikelihood(BUDGET, length_temperature=math.inf))


@claim("Slopes in s are softmax(8, 4) on the right responses and minus softmax(-0.3, -0.05) on the wrong ones")
def slopes(seed: int) -> Evidence:
    outcome, lengths = [1.0, 1.0, 0.0, 0.0], [2, 6, 5, 9]
    mean = torch.tensor([-1.0, -2.0, -3.0, -0.5], dtype=torch.float64, requires_grad=True)
    batch = ragged([outcome], lengths, {"traj.reward/correct": outcome})
    batch = batch.with_columns({"token.logprob": mean[batch.index("token", "traj")]})
    (slope,) = torch.autograd.grad(-DecoupledLikelihood(10)(batch).values.sum(), mean)
    right = torch.tensor([8.0, 4.0], dtype=torch.float64).softmax(0)
    wrong = torch.tensor([-0.3, -0.05], dtype=torch.float64).softmax(0)
    return Evidence(float((slope - torch.cat([right, -wrong])).abs().max()), 0.0, 1e-6, note="largest error")


def toy() -> Recipe:
    """On policy, where the KL to the old policy is 0 and its penalty has nothing to do."""
    recipe = chain(compose(DecoupledLikelihood(60)))
    return dataclasses.replace(recipe, objective=dataclasses.replace(recipe.objective, regularizers=()))


@claim("It keeps more accuracy than GRPO with the sigmoid price on length everywhere", tier="proxy")
def keeps_accuracy(seed: int) -> Evidence:
    ours, baseline = (finals(recipe, 200, ACCURACY, (0, 1, 2)) for recipe in (toy(), chain(EVERYWHERE)))
    return compare(ours, baseline, "accuracy after 200 steps")


paper = Paper(
    title="DRPO: Efficient Reasoning via Decoupled Reward Policy Optimization",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"disco": DISCO},
    claims=(slopes, keeps_accuracy),
)

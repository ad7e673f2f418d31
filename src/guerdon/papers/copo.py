"""COPO: Consistency-Aware Policy Optimization.

Idea
    A group of equal rewards has no advantage inside itself. Give every prompt a second one, its accuracy discounted by
    how much its answers disagree, compared over the batch, and blend the two by the entropy of the answers.
Maths
    ``advantages/answer_consistency.py``: ``g = acc (1 - lam H)``, standardised over the batch's prompts (sample std, eps
    1e-6); ``w = sigmoid(H - 0.5)`` and 0 in groups of equal rewards. ``w l(A_local) + (1 - w) l(A_global)`` with l the
    dual-clip loss (c = 3), token mean.
Reads
    ``traj.reward``, the extracted answers, ``action.logprob``, ``action.old_logprob``.
Deviations
    The weights multiply the advantages, which is the same for a loss homogeneous in them. Unreadable answers are one
    class. One prompt in the batch has no global advantage. Modes ``soft`` and ``forced`` of the released code are
    compositions; those that look at a response's own reward are left out.
"""

import dataclasses

import torch

from guerdon.advantages.answer_consistency import ConsistentAccuracy, EntropyBlend
from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import ragged
from guerdon.papers._proxy import compare, finals, majority, solved
from guerdon.policies.tabular import Tabular
from guerdon.recipe import Recipe
from guerdon.rewards.answer import Answer
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

GLOBAL = Standardize(center="batch", scale="batch", column="group.consistent_accuracy", output="group.global_advantage")


def compose(blend: EntropyBlend, answer: str = "traj.answer") -> Recipe:
    """Both advantages, each with a surrogate of its own."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(), Answer()),
        advantage=(Standardize(), ConsistentAccuracy(answer), GLOBAL, blend),
        objective=Objective(PPOClip(), regularizers=(PPOClip(advantage="action.global_advantage"),)),
        update=Update(minibatches=4),
    )


RECIPE = compose(EntropyBlend())
SOFT, FORCED = compose(EntropyBlend(forced=False)), compose(EntropyBlend(soft=False))
GRPO = dataclasses.replace(RECIPE, rewards=(Verifier(),), advantage=(Standardize(),), objective=Objective(PPOClip()))


@claim(
    "4 right and equal answers have w = 0, answers a, b, c, d with one right sigmoid(1.5); global advantages +-0.7071"
)
def two_prompts(seed: int) -> Evidence:
    batch = ragged([[1.0] * 4, [1.0, 0.0, 0.0, 0.0]], columns={"traj.answer": list("aaaaabcd")})
    for piece in RECIPE.advantage[:3]:
        batch = batch.with_columns(piece(batch))
    blended = batch.with_columns(RECIPE.advantage[3](batch))
    weight, top = torch.sigmoid(torch.tensor(1.5, dtype=torch.float64)), 0.5**0.5
    local = torch.tensor([0.0] * 4 + [1.5, -0.5, -0.5, -0.5], dtype=torch.float64) * weight
    other = torch.tensor([top] * 4 + [-top * float(1 - weight)] * 4, dtype=torch.float64)
    got = torch.cat([blended["traj.advantage"], blended["traj.global_advantage"]])
    return Evidence(float((got - torch.cat([local, other])).abs().max()), 0.0, 1e-5, note="largest error")


@claim("Groups of equal rewards have a gradient: 1/4 of the global advantage per response, where GRPO has none")
def homogeneous(seed: int) -> Evidence:
    logprob = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    batch = ragged([[1.0] * 2, [0.0] * 2], columns={"traj.answer": list("aabc"), "token.old_logprob": [0.0] * 4})
    slopes = []
    for recipe in (RECIPE, GRPO):
        scored = batch
        for piece in recipe.advantage:
            scored = scored.with_columns(piece(scored))
        scored = recipe.objective.prepare(scored.with_columns({"token.logprob": logprob}))
        slopes.append(torch.autograd.grad(recipe.objective(scored, {})[0], logprob)[0])
    top = 0.5**0.5 / 4
    expected = torch.tensor([-top, -top, top, top, 0, 0, 0, 0], dtype=torch.float64)
    return Evidence(float((torch.cat(slopes) - expected).abs().max()), 0.0, 1e-5, note="largest error")


def toy(recipe: Recipe) -> Recipe:
    """A bandit whose prompts are mostly solved or mostly not at the start: Gaussian logits of std 2."""
    answers = tuple(
        dataclasses.replace(piece, answer="traj.leaf") if isinstance(piece, ConsistentAccuracy) else piece
        for piece in recipe.advantage
    )
    return dataclasses.replace(
        recipe,
        task=TokenTree(prompts=64, vocab=16),
        policy=Tabular(init_std=2.0),
        rollout=SampleTree(prompts=32, extra=("traj.leaf",)),
        rewards=(),
        advantage=answers,
        update=Update(lr=0.05, minibatches=4),
    )


@claim("On a bandit with many groups of equal rewards pass@1 after 150 steps is above GRPO's", tier="proxy")
def learns_more(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 150, solved()) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "exact success probability after 150 steps")


@claim("And a majority of 8 responses is right more often", tier="proxy")
def agrees(seed: int) -> Evidence:
    ours, baseline = (finals(toy(recipe), 150, majority(8)) for recipe in (RECIPE, GRPO))
    return compare(ours, baseline, "share of majority votes of 8 that are right after 150 steps")


paper = Paper(
    title="COPO: Consistency-Aware Policy Optimization",
    arxiv=None,
    kind="method",
    source="code",
    recipe=RECIPE,
    compositions={"soft": SOFT, "forced": FORCED, "grpo": GRPO},
    claims=(two_prompts, homogeneous, learns_more, agrees),
)

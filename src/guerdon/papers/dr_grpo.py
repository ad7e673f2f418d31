"""Dr. GRPO: GRPO without its two divisions (baseline-drgrpo).

Idea
    Dividing by the group's std favours prompts that are nearly solved or nearly hopeless; dividing by a response's own
    length makes long wrong answers cheap. Leave out both.
Maths
    ``A_i = R_i - mean_g``; ``L = 1/(B T_max) sum_i sum_t l_it`` with a constant ``T_max``.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    ``T_max`` is the generation budget, never the longest response of the batch. Older releases of verl left out 1/B
    (``verl``; a factor B in the learning rate), verl 0.9 and TRL have it. In expectation the gradient is (n-1)/n of
    the true one: n/(n-1) A is RLOO.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SumOverLength
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import bernoulli_groups, gradient_error, ragged, random_logits
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.solvers.enumerate import Copies
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

BUDGET = 32
"""Longest response, in tokens."""
CENTERED = Standardize(scale="none")


def compose(surrogate: PPOClip, aggregation: SumOverLength) -> Recipe:
    """The recipe with a library's choices."""
    return Recipe(
        rollout=Sample(sampling=Sampling(max_tokens=BUDGET)),
        rewards=(Verifier(),),
        advantage=(CENTERED,),
        objective=Objective(surrogate, aggregation),
        update=Update(minibatches=4),
    )


TRL = compose(PPOClip(dual_clip=None, log_ratio_bounds=(None, None)), SumOverLength(BUDGET))
VERL = compose(PPOClip(), SumOverLength(BUDGET, per_trajectory=False))


@claim("A prompt solved 95% of the time weighs p(1-p) = 0.19 of one solved half the time; in GRPO it weighs the same")
def difficulty_weight(seed: int) -> Evidence:
    batch = bernoulli_groups([0.95, 0.5], 4096, seed)

    def ratio(piece: Standardize) -> float:
        easy, even = torch.as_tensor(piece(batch)["traj.advantage"]).square().reshape(2, -1).mean(1).tolist()
        return easy / even

    assert abs(ratio(Standardize()) - 1) < 1e-3
    return Evidence(ratio(CENTERED), 0.15, 0.23, note="advantage energy, easy prompt over even one")


@claim("Averaged over all groups of 3, the gradient is exactly 2/3 of that of the expected reward")
def short_by_one_sample(seed: int) -> Evidence:
    task = TokenTree(prompts=1, vocab=3, depth=1, seed=seed)
    recipe = Recipe(Objective(Reinforce()), advantage=(CENTERED,))
    error = gradient_error(recipe, task, Copies(random_logits(task, seed)), samples=3, factor=2 / 3)
    return Evidence(error, 0.0, 1e-6, note="relative error of the mean gradient")


@claim(
    "A token weighs the same in a long and in a short response; averaged per response, 10 times less in the long one"
)
def length_bias(seed: int) -> Evidence:
    batch = ragged([[0.0, 1.0]], [300, 30])
    weights = [piece(batch, "action") for piece in (SumOverLength(1000), SeqMeanTokenMean())]
    constant, averaged = (float(weight[-1] / weight[0]) for weight in weights)
    assert abs(averaged - 10) < 1e-4
    return Evidence(constant, 1 - 1e-6, 1 + 1e-6, note="weight of a token, short response over long")


paper = Paper(
    title="Understanding R1-Zero-Like Training: A Critical Perspective",
    arxiv="2503.20783",
    kind="baseline",
    source="code",
    year=2025,
    authors="Liu et al.",
    recipe=TRL,
    compositions={"verl": VERL, "trl": TRL},
    claims=(difficulty_weight, short_by_one_sample, length_bias),
)

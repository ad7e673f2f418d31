"""RLOO: REINFORCE with the mean of the prompt's other responses as baseline (baseline-rloo).

Idea
    A baseline that does not depend on the response it is compared with keeps the gradient unbiased. Whether it lowers
    the variance depends: rewards of 0 and 1 on a prompt that is rarely solved need no baseline.
Maths
    ``A_i = R_i - mean_{j != i} R_j = n/(n-1) (R_i - mean_g)``.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``; TRL's version ``action.ref_logprob``.
Deviations
    verl takes the advantage alone, under PPO's loss per token. TRL takes the response as one action (ratio of whole
    responses, clipped, averaged over responses) and subtracts 0.05 times the summed k1 from the reward. A group of one
    gets 0; verl's two versions give the raw reward and 0.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, SeqMeanTokenSum, TokenMean
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import gradient_error, random_logits
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.shaping.kl_reward import KLReward
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.solvers.enumerate import Copies, gradient_moments
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

LEAVE_ONE_OUT = Standardize(center="leave_one_out", scale="none")

TRL = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    shaping=(WeightedSum(), KLReward(0.05, "k1")),
    advantage=(LEAVE_ONE_OUT,),
    objective=Objective(
        PPOClip(dual_clip=None, ratio="sequence_sum", log_ratio_bounds=(None, None)), SeqMeanTokenMean()
    ),
    update=Update(minibatches=4),
)
VERL = Recipe(
    rollout=Sample(),
    rewards=(Verifier(),),
    advantage=(LEAVE_ONE_OUT,),
    objective=Objective(PPOClip(), TokenMean()),
    update=Update(minibatches=4),
)
TREE = TokenTree(prompts=1, vocab=2, depth=2)


@claim("Averaged over all pairs of responses, the gradient is exactly that of the expected reward")
def unbiased(seed: int) -> Evidence:
    recipe = Recipe(Objective(Reinforce(), SeqMeanTokenSum()), advantage=(LEAVE_ONE_OUT,))
    error = gradient_error(recipe, TREE, Copies(random_logits(TREE, seed)), samples=2)
    return Evidence(error, 0.0, 1e-9, note="relative error of the mean gradient")


@claim("So is TRL's form, with the response as one action")
def one_action_per_response(seed: int) -> Evidence:
    recipe = Recipe(TRL.objective, advantage=(LEAVE_ONE_OUT,))
    error = gradient_error(recipe, TREE, Copies(random_logits(TREE, seed)), samples=2)
    return Evidence(error, 0.0, 1e-6, note="relative error of the mean gradient")


@claim("Of three equally likely answers: where two pay, the variance is half that of no baseline; where one pays, 5/4")
def variance(seed: int) -> Evidence:
    ratios = []
    for paying in (2, 1):
        task = TokenTree(prompts=1, vocab=3, depth=1, correct=paying, seed=seed)
        copies = Copies(torch.zeros(1, 3, dtype=torch.float64))
        with_it, without = (
            gradient_moments(Recipe(Objective(Reinforce()), advantage=(piece,)), task, copies, samples=3)[1]
            for piece in (LEAVE_ONE_OUT, Standardize(center="none", scale="none"))
        )
        ratios.append(with_it / without)
    error = max(abs(ratios[0] - 0.5), abs(ratios[1] - 1.25))
    return Evidence(error, 0.0, 1e-6, note="error of the two exact ratios, 3 samples")


paper = Paper(
    title="Back to Basics: Revisiting REINFORCE Style Optimization for Learning from Human Feedback in LLMs",
    arxiv="2402.14740",
    kind="baseline",
    source="code",
    year=2024,
    authors="Ahmadian et al.",
    recipe=TRL,
    compositions={"verl": VERL, "trl": TRL},
    claims=(unbiased, one_action_per_response, variance),
)

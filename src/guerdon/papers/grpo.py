"""GRPO: standardise a response's reward inside the responses to its own prompt (baseline-grpo).

Idea
    No critic: the other responses to the prompt say what reward was to be expected.
Maths
    ``A_i = (R_i - mean_g) / (std_g + eps)`` with the sample std, on every token; PPO's clipped loss. In expectation the
    gradient is the true one times a factor that grows as prompts become easy or hard (about ``1 / sqrt(p (1 - p))``).
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``.
Deviations
    verl: eps 1e-6, a group of one keeps its raw reward, token mean; its vectorised version floors the variance at 1e-6.
    TRL: eps 1e-4, a group of one gets 0, responses no reward function could score are left out, token mean ("dapo");
    ``scale_rewards`` is the ``scale`` of ``Standardize``. The paper averages over responses and adds a KL loss of 0.04.
"""

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.aggregation import SeqMeanTokenMean, TokenMean
from guerdon.objectives.kl import KLPenalty
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import bernoulli_groups, ragged, random_logits
from guerdon.piece import Aggregation, Term
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.shaping.weighted_sum import WeightedSum
from guerdon.solvers.enumerate import Copies, expected_gradient, expected_reward, gradient
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

OPEN = PPOClip(dual_clip=None, log_ratio_bounds=(None, None))
"""TRL's policy loss."""


def compose(
    advantage: Standardize, surrogate: PPOClip, aggregation: Aggregation, regularizers: tuple[Term, ...] = ()
) -> Recipe:
    """The recipe with a library's choices."""
    return Recipe(
        rollout=Sample(),
        rewards=(Verifier(),),
        advantage=(advantage,),
        objective=Objective(surrogate, aggregation, regularizers=regularizers),
        update=Update(minibatches=4),
    )


VERL = compose(Standardize(singleton="raw"), PPOClip(), TokenMean())
TRL = compose(Standardize(eps=1e-4), OPEN, TokenMean())
PER_COMPONENT = Standardize(eps=1e-4, column="traj.reward/*", output="traj.reward/*")


@claim("The rewards 1, 0, 0, 0 become 1.5, -0.5, -0.5, -0.5, and every solved share gets the same total energy n - 1")
def energy(seed: int) -> Evidence:
    rewards = [[1.0] * solved + [0.0] * (8 - solved) for solved in (1, 4, 7)]
    advantage = torch.as_tensor(Standardize(eps=0.0)(ragged(rewards))["traj.advantage"])
    example = torch.as_tensor(Standardize(eps=0.0)(ragged([[1, 0, 0, 0]]))["traj.advantage"])
    error = (example - torch.tensor([1.5, -0.5, -0.5, -0.5])).abs().max()
    energies = advantage.square().reshape(3, 8).sum(1)
    return Evidence(float(torch.maximum(error, (energies - 7).abs().max())), 0.0, 1e-9, note="largest error")


@claim("Wrong labels on a whole group turn its advantages round exactly")
def flipped_labels(seed: int) -> Evidence:
    batch = bernoulli_groups([0.2, 0.5, 0.9], 16, seed)
    flipped = batch.with_columns({"traj.reward": 1 - batch["traj.reward"]})
    left, right = (torch.as_tensor(Standardize()(b)["traj.advantage"]) for b in (batch, flipped))
    return Evidence(float((left + right).abs().max()), 0.0, 1e-9, note="largest |A(1 - R) + A(R)|")


@claim("On average over all groups of 3 the gradient points the right way but is not that of the expected reward")
def known_bias(seed: int) -> Evidence:
    task = TokenTree(prompts=1, vocab=3, depth=1, seed=seed)
    copies = Copies(random_logits(task, seed))
    got = -expected_gradient(Recipe(Objective(Reinforce()), advantage=(Standardize(),)), task, copies, samples=3)
    true = gradient(lambda at: expected_reward(task, at), copies.policy)
    cosine = float((got * true).sum() / (got.norm() * true.norm()))
    return Evidence(cosine, 1 - 1e-6, 1 + 1e-6, note=f"cosine; the length is {float(got.norm() / true.norm()):.2f}x")


paper = Paper(
    title="DeepSeekMath: Pushing the Limits of Mathematical Reasoning in Open Language Models",
    arxiv="2402.03300",
    kind="baseline",
    source="code",
    year=2024,
    authors="Shao et al.",
    recipe=TRL,
    compositions={
        "verl": VERL,
        "verl_vectorized": compose(Standardize(var_floor=1e-6), PPOClip(), TokenMean()),
        "trl": TRL,
        "trl_batch_scale": compose(Standardize(eps=1e-4, scale="batch"), OPEN, TokenMean()),
        "trl_normalize_then_sum": Recipe(
            rollout=Sample(),
            rewards=(Verifier(),),
            shaping=(PER_COMPONENT, WeightedSum()),
            advantage=(Standardize(center="batch", scale="batch", eps=1e-4),),
            objective=Objective(OPEN, TokenMean()),
            update=Update(minibatches=4),
        ),
        "paper": compose(
            Standardize(), PPOClip(dual_clip=None), SeqMeanTokenMean(), (KLPenalty(0.04, value_bound=None),)
        ),
    },
    claims=(energy, flipped_labels, known_bias),
)

"""DPO: Direct Preference Optimization (Rafailov et al., 2023).

Idea
    The optimum of KL-regularised reward maximisation ties reward and policy together, so the reward model's logistic
    loss can be written in the policy's own log-ratios and minimised without rollouts.
Maths
    delta = sum_t (log pi_t - log ref_t)(chosen) - the same (rejected);  L = mean over pairs of -log sigma(beta delta)
    On Bradley-Terry labels the optimum is pi*(y) = ref(y) exp(r(y) / beta) / Z.
Reads
    action.logprob, action.ref_logprob, traj.rank
Deviations
    The proxy is a small language model on 64 three-letter responses with known rewards (std 1), 5,000 pairs and
    beta 1. At beta 0.1 these labels cannot fix pi*: the maximum-likelihood fit of one free logit per response is still
    0.16 nats away (mean of 4 seeds). Laws are taken over the 64 responses, because the loss sees only ratios inside
    them; their total probability falls from about 0.6 to 0.3 (likelihood displacement).
"""

from dataclasses import replace
from functools import cache

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch
from guerdon.loop import train
from guerdon.metrics.seeds import mean_interval
from guerdon.objective import Objective
from guerdon.objectives.links import LogisticLink
from guerdon.objectives.nll import NLL
from guerdon.objectives.preference import PairwisePreference
from guerdon.paper import Evidence, Paper, claim
from guerdon.policies.language_model import LanguageModel
from guerdon.policies.tabular import TabularPolicy
from guerdon.policies.tiny_lm import TinyLM
from guerdon.recipe import Recipe
from guerdon.rollouts.demonstrations import Demonstrations
from guerdon.rollouts.pairs import Pairs
from guerdon.rollouts.sample import pack
from guerdon.solvers.enumerate import Copies, batch_of
from guerdon.solvers.kl_optimum import kl, kl_optimum
from guerdon.tasks.preferences import BradleyTerryPairs
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

RECIPE = Recipe(
    objective=Objective(PairwisePreference(LogisticLink(beta=0.1))),
    task=BradleyTerryPairs(),
    policy=TinyLM(width=32, layers=1, heads=2),
    rollout=Pairs(pairs=128),
    shaping=(),
    update=Update(lr=3e-3, decay="linear"),
)
FINE_TUNE = replace(
    RECIPE, objective=Objective(NLL()), rollout=Demonstrations(prompts=64), update=Update(lr=3e-3), policy=RECIPE.policy
)
TREE = TokenTree(prompts=1, vocab=4, depth=2)
SEEDS = 3


def pairs_of_leaves(chosen: Tensor, rejected: Tensor, policy: TabularPolicy, ref_logits: Tensor) -> Batch:
    """A batch whose groups are these pairs of leaves of ``TREE``."""
    leaf = torch.stack([chosen, rejected], 1).reshape(-1)
    group = torch.arange(len(chosen)).repeat_interleave(2)
    batch = batch_of(TREE, Copies(ref_logits), torch.zeros_like(leaf), leaf, group)
    rank = torch.tensor([0, 1]).repeat(len(chosen))
    return batch.with_columns({**policy.evaluate(batch, frozenset({"action.logprob"})), "traj.rank": rank})


def random_logits(seed: int) -> Tensor:
    """Logits of a random policy on ``TREE``."""
    noise = torch.Generator().manual_seed(seed)
    return torch.randn((TREE.contexts, TREE.vocab), generator=noise, dtype=torch.float64)


@claim("at the reference the loss of every pair is log 2")
def starts_at_log_two(seed: int) -> Evidence:
    """Mean loss of random pairs with pi = ref."""
    logits, leaf = random_logits(seed), torch.arange(TREE.leaves)
    batch = pairs_of_leaves(leaf, leaf.flip(0), TabularPolicy(logits, critic=False), logits)
    loss = float(PairwisePreference()(batch).values.detach().mean())
    return Evidence(loss, 0.6931471805, 0.6931471806, note="nats")


@claim("on Bradley-Terry labels the gradient vanishes at the KL-regularised optimum")
def optimum_is_the_tilt(seed: int) -> Evidence:
    """Largest gradient of the exact population loss over all pairs of 16 responses, beta 0.5."""
    beta, reference = 0.5, random_logits(seed)
    reward = torch.randn(TREE.leaves, generator=torch.Generator().manual_seed(seed + 1), dtype=torch.float64)
    first, second = reference[0].log_softmax(0), reference[1:].log_softmax(1)
    star = kl_optimum((first[:, None] + second).reshape(-1), reward, beta).reshape(4, 4)
    policy = TabularPolicy(torch.cat([star.logsumexp(1)[None], star]), critic=False)
    chosen, rejected = (part.reshape(-1) for part in torch.meshgrid(*[torch.arange(16)] * 2, indexing="ij"))
    batch = pairs_of_leaves(chosen, rejected, policy, reference)
    chance = torch.sigmoid(reward[chosen] - reward[rejected]) / 256
    loss = (chance * PairwisePreference(LogisticLink(beta))(batch).values).sum()
    (slope,) = torch.autograd.grad(loss, policy.logits)
    return Evidence(float(slope.abs().max()), 0.0, 1e-8, note="largest gradient entry")


@claim("a pair of equal responses has no gradient")
def equal_responses(seed: int) -> Evidence:
    """Largest gradient of pairs of a response with itself."""
    policy, leaf = TabularPolicy(random_logits(seed), critic=False), torch.arange(TREE.leaves)
    loss = PairwisePreference()(pairs_of_leaves(leaf, leaf, policy, random_logits(seed + 1))).values.sum()
    (slope,) = torch.autograd.grad(loss, policy.logits)
    return Evidence(float(slope.abs().max()), 0.0, 1e-12, note="largest gradient entry")


def law(policy: LanguageModel, task: BradleyTerryPairs) -> Tensor:
    """Log-probs of the task's responses among themselves, float64 ``[responses]``."""
    problem = task.problem("train", 0)
    parts = [torch.tensor([*policy.tokenizer.encode(text), policy.tokenizer.eos_id]) for text in task.responses()]
    batch = pack([problem], [0], [torch.tensor(policy.encode_prompt(problem))], parts)
    with torch.no_grad():
        logprob = policy.evaluate(batch, frozenset({"action.logprob"}))["action.logprob"]
    return batch.up(logprob.double(), segment.sum, "action", "traj").log_softmax(0)


@cache
def runs(seed: int) -> tuple[tuple[float, float], ...]:
    """(KL(pi* || pi), E_pi[r] / E_pi*[r]) after training, for each seed."""
    beta, results = 1.0, []
    objective = Objective(PairwisePreference(LogisticLink(beta)))
    for number in range(SEEDS):
        task = BradleyTerryPairs(seed=seed + number)
        policy = train(replace(FINE_TUNE, task=task), steps=60, seed=seed + number).policy
        assert isinstance(policy, LanguageModel)
        reward = torch.tensor(task.rewards(), dtype=torch.float64)
        star = kl_optimum(law(policy, task), reward, beta)
        train(replace(RECIPE, task=task, objective=objective), steps=400, seed=seed + number, policy=policy)
        reached = law(policy, task)
        results.append((float(kl(star, reached)), float((reached.exp() * reward).sum() / (star.exp() * reward).sum())))
    return tuple(results)


@claim("5,000 pairs bring a small language model within 0.05 nats of the KL-regularised optimum", tier="proxy")
def reaches_optimum(seed: int) -> Evidence:
    """Mean KL(pi* || pi) over seeds."""
    value, interval = mean_interval([distance for distance, _ in runs(seed)])
    return Evidence(value, 0.0, 0.05, interval, f"nats, {SEEDS} seeds; about 0.42 before training")


@claim("its expected reward is within 7% of the optimum's", tier="proxy")
def reaches_reward(seed: int) -> Evidence:
    """Mean ratio of expected rewards over seeds."""
    value, interval = mean_interval([ratio for _, ratio in runs(seed)])
    return Evidence(
        value, 0.93, 1.07, interval, f"ratio, {SEEDS} seeds; sampling noise of the labels alone is about 5%"
    )


paper = Paper(
    title="Direct Preference Optimization: Your Language Model is Secretly a Reward Model",
    arxiv="2305.18290",
    kind="baseline",
    source="code",
    claims=(starts_at_log_two, optimum_is_the_tilt, equal_responses, reaches_optimum, reaches_reward),
    recipe=RECIPE,
    compositions={"fine_tune": FINE_TUNE},
    year=2023,
    authors="Rafailov, Sharma, Mitchell, Ermon, Manning, Finn",
)

"""ROVER: Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards.

Idea
    In a deterministic tree whose end pays 0 or 1, the value of acting at random ranks actions optimally. Softmax over it
    is good and diverse at once, and needs no policy iteration.
Maths
    Exact: ``solvers/uniform_q.py``. Practical: ``objectives/uniform_q.py`` with rho 1, the group-centred reward on every
    token, token mean, 4 minibatches; no KL, clip or reference. Temperature 0.6, 5 responses per prompt.
Reads
    ``traj.reward``, ``action.logprob``, ``action.old_logprob``, ``action.mean_logprob``, ``action.old_mean_logprob``.
Deviations
    The theorem speaks of the exact Q. The regression moves log-ratios by one old policy at a time, so that what is learned
    adds up over steps as in policy gradients: on the tree it is no more diverse than GRPO. ``math`` is the script that also
    divides by the group's deviation.
"""

import dataclasses
from functools import cache

import torch

from guerdon.advantages.standardize import Standardize
from guerdon.loop import Result
from guerdon.objective import Objective
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.objectives.uniform_q import UniformQRegression
from guerdon.paper import Evidence, Paper, claim
from guerdon.papers._bench import random_logits
from guerdon.papers._proxy import SEEDS, compare, finals
from guerdon.policies.tabular import Tabular, TabularPolicy
from guerdon.recipe import Recipe
from guerdon.rewards.verifier import Verifier
from guerdon.rollouts.sample import Sample
from guerdon.rollouts.sampler import Sampling
from guerdon.rollouts.tabular import SampleTree
from guerdon.solvers.enumerate import Copies, batch_of, expected_reward, leaf_logprobs
from guerdon.solvers.uniform_q import distinct_rewarded, softmax_policy, uniform_q
from guerdon.tasks.token_tree import TokenTree
from guerdon.update import Update

CENTERED = Standardize(scale="none")


def compose(advantage: Standardize) -> Recipe:
    """The practical method with this advantage."""
    return Recipe(
        rollout=Sample(samples_per_prompt=5, sampling=Sampling(temperature=0.6)),
        rewards=(Verifier(),),
        advantage=(advantage,),
        objective=Objective(UniformQRegression()),
        update=Update(lr=1e-6, minibatches=4),
    )


RECIPE, MATH = compose(CENTERED), compose(Standardize())
GRPO = dataclasses.replace(RECIPE, advantage=(Standardize(),), objective=Objective(PPOClip()))


@claim("Greedy on the uniform policy's Q reaches a rewarded leaf of 20 random ternary trees exactly where there is one")
def greedy_is_optimal(seed: int) -> Evidence:
    wrong = 0
    for number in range(20):
        task = TokenTree(prompts=5, vocab=3, depth=4, correct=number % 4, seed=20 * seed + number)
        q, tokens, prompt = uniform_q(task), torch.zeros((5, 0), dtype=torch.int64), torch.arange(5)
        for _ in range(task.depth):
            tokens = torch.cat([tokens, q[task.context(prompt, tokens)].argmax(1, keepdim=True)], 1)
        reached = task.rewards()[prompt, task.leaf(tokens)] > 0
        wrong += int((reached != (task.rewards() > 0).any(1)).sum())
    return Evidence(float(wrong), 0.0, 0.0, note="prompts of 100 where it does not")


@claim("At the old policy the loss is A^2 and the gradient twice that of the centred policy gradient")
def first_step(seed: int) -> Evidence:
    task = TokenTree(prompts=2, vocab=3, depth=3, correct=9, seed=seed)
    policy = TabularPolicy(random_logits(task, seed), critic=False)
    prompt, leaf = torch.arange(2).repeat_interleave(4), torch.arange(8) * 3
    batch = batch_of(task, Copies(policy.logits.detach()), prompt, leaf, prompt)
    batch = batch.with_columns({"traj.reward": batch["traj.reward/task"]})
    columns = policy.evaluate(batch, frozenset({"action.logprob", "action.mean_logprob"}))
    old = {"action.old_mean_logprob": columns["action.mean_logprob"].detach()}
    batch = batch.with_columns({**columns, **old, **CENTERED(batch)})
    losses = UniformQRegression()(batch).values
    sums = [term(batch).values.sum() for term in (UniformQRegression(), Reinforce())]
    slopes = [torch.autograd.grad(total, policy.logits, retain_graph=True)[0] for total in sums]
    error = torch.maximum(
        (losses - batch["action.advantage"].square()).abs().max(), (slopes[0] - 2 * slopes[1]).abs().max()
    )
    return Evidence(float(error.detach()), 0.0, 1e-9, note="largest error")


RHO, SAMPLES = 0.01, 256
TREE = TokenTree(prompts=1, vocab=4, depth=6, correct=121)


def distinct(result: Result, task: TokenTree) -> float:
    """Expected number of different rewarded leaves in 256 samples."""
    return distinct_rewarded(task, leaf_logprobs(task, _logits(result)).detach(), SAMPLES)


def reward(result: Result, task: TokenTree) -> float:
    """Exact success probability."""
    return float(expected_reward(task, _logits(result)).detach())


def _logits(result: Result) -> torch.Tensor:
    assert isinstance(result.policy, TabularPolicy)
    return result.policy.logits


@cache
def trained(name: str) -> tuple[list[float], list[float]]:
    """Distinct rewarded leaves and success after 200 steps of 16 responses, per seed; ``exact`` needs no training."""
    if name == "exact":
        tasks = [dataclasses.replace(TREE, seed=seed) for seed in SEEDS]
        results = [(Result(softmax_policy(task, RHO)), task) for task in tasks]
        return [distinct(*each) for each in results], [reward(*each) for each in results]
    recipe = dataclasses.replace(
        {"rover": RECIPE, "grpo": GRPO}[name],
        task=TREE,
        policy=Tabular(),
        rollout=SampleTree(prompts=1, samples_per_prompt=16),
        rewards=(),
        update=Update(lr=0.05, minibatches=4),
    )
    successes: list[float] = []

    def measure(result: Result, task: TokenTree) -> float:
        successes.append(reward(result, task))
        return distinct(result, task)

    return finals(recipe, 200, measure), successes


@claim("Softmax over the exact Q finds more different rewarded leaves in 256 samples than GRPO", tier="proxy")
def exact_is_diverse(seed: int) -> Evidence:
    return compare(trained("exact")[0], trained("grpo")[0], "different rewarded leaves (of 121) in 256 samples")


@claim("Its success is within 0.05 of GRPO's", tier="proxy")
def exact_is_good(seed: int) -> Evidence:
    return compare(trained("exact")[1], trained("grpo")[1], "success probability", margin=-0.05)


@claim("The regression on log-ratios finds more different rewarded leaves than GRPO", tier="proxy")
def regression_is_diverse(seed: int) -> Evidence:
    ours, grpo = trained("rover"), trained("grpo")
    evidence = compare(ours[0], grpo[0], "different rewarded leaves (of 121) in 256 samples")
    success = [sum(each[1]) / len(each[1]) for each in (ours, grpo)]
    return dataclasses.replace(evidence, note=f"{evidence.note}; success {success[0]:.3f} against {success[1]:.3f}")


paper = Paper(
    title="Random Policy Valuation is Enough for LLM Reasoning with Verifiable Rewards",
    arxiv=None,
    kind="method",
    source="code",
    year=2025,
    recipe=RECIPE,
    compositions={"math": MATH, "grpo": GRPO},
    claims=(greedy_is_optimal, first_step, exact_is_diverse, exact_is_good, regression_is_diverse),
)

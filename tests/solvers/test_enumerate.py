"""The exact solver against finite differences, sampling and pencil."""

import math

import pytest
import torch

from guerdon import Objective, Recipe
from guerdon.errors import GuerdonError
from guerdon.objectives.reinforce import Reinforce
from guerdon.policies.tabular import TabularPolicy
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.solvers import enumerate as exact
from guerdon.tasks.token_tree import TokenTree

TASK = TokenTree(prompts=2, vocab=3, depth=2, correct=2)


def logits(seed, task=TASK):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((task.contexts, task.vocab), generator=generator, dtype=torch.float64)


def test_leaves_are_a_distribution_and_agree_with_the_rollout():
    theta = logits(0)
    logprob = exact.leaf_logprobs(TASK, theta)
    assert logprob.exp().sum(1).tolist() == pytest.approx([1, 1])
    batch = SampleTree(prompts=2, samples_per_prompt=50)(
        TASK, TabularPolicy(theta, critic=False), lambda n: [1, 0], Stream((0,))
    )
    prompt = batch["traj.problem_id"]
    behavior = batch["token.behavior_logprob"].reshape(-1, 2)
    assert torch.allclose(logprob[prompt, batch["traj.leaf"]], behavior.sum(1))
    assert torch.allclose(exact.token_logprobs(TASK, theta, prompt, batch["traj.leaf"]), behavior)
    again = exact.batch_of(TASK, exact.Copies(theta), prompt, batch["traj.leaf"], batch.index("traj", "group"))
    for name in ("token.context", "token.id"):
        assert again[name].tolist() == batch[name].tolist()
    assert again["traj.reward/task"].tolist() == batch["traj.reward/task"].tolist()


def test_a_bandit_by_hand():
    task = TokenTree(prompts=1, vocab=3, depth=1, correct=1)
    theta = torch.tensor([[0.5, 0.3, 0.2]], dtype=torch.float64).log()
    won = int(task.rewards()[0].argmax())
    p = [0.5, 0.3, 0.2][won]
    assert exact.expected_reward(task, theta).item() == pytest.approx(p)
    assert exact.pass_at_k(task, theta, 4).item() == pytest.approx(1 - (1 - p) ** 4)
    slope = exact.gradient(lambda at: exact.expected_reward(task, at), theta)[0]
    assert slope.tolist() == pytest.approx([p * ((i == won) - q) for i, q in enumerate([0.5, 0.3, 0.2])])
    uniform = torch.zeros_like(theta)
    entropy = -sum(q * math.log(q) for q in (0.5, 0.3, 0.2))
    assert exact.kl_to(task, theta, uniform).item() == pytest.approx(math.log(3) - entropy)


@pytest.mark.parametrize(
    "function",
    [
        lambda theta: exact.expected_reward(TASK, theta),
        lambda theta: exact.pass_at_k(TASK, theta, 3),
        lambda theta: exact.kl_to(TASK, theta, logits(9)),
    ],
)
def test_gradients_against_finite_differences(function):
    theta, step = logits(1), 1e-6
    slope = exact.gradient(function, theta)
    for row, column in ((0, 1), (3, 2), (7, 0)):
        bump = torch.zeros_like(theta)
        bump[row, column] = step
        numeric = (function(theta + bump) - function(theta - bump)) / (2 * step)
        assert slope[row, column].item() == pytest.approx(numeric.item(), abs=1e-8)


def test_enumeration_is_bounded():
    recipe = Recipe(objective=Objective(Reinforce()))
    with pytest.raises(GuerdonError, match="enumeration needs at most 100000 batches, got 43046721"):
        exact.expected_gradient(recipe, TASK, exact.Copies(logits(0)), samples=4)

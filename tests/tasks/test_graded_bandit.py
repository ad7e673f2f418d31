"""Prompts shown with hints or noise."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.graded_bandit import GradedBandit


def test_hints_make_it_easier_and_noise_harder_for_the_right_weights():
    task = GradedBandit(prompts=200)
    policy = Linear().build(task, frozenset(), Stream((0,)))
    with torch.no_grad():
        policy.weights[: task.width] = 10 * task._draws()[1]
        right = (policy.rows(torch.arange(task.contexts)).softmax(-1) * task.rewards()).sum(1)
    mean = right.reshape(task.prompts, task.levels).mean(0)
    assert bool((mean.diff() <= 1e-6).all()) and mean[-1] < 0.8 < mean[task.plain]


def test_the_initial_policy_follows_a_hint():
    task = GradedBandit()
    policy = Linear().build(task, frozenset(), Stream((0,)))
    with torch.no_grad():
        right = (policy.rows(torch.arange(task.contexts)).softmax(-1) * task.rewards()).sum(1).reshape(-1, task.levels)
    assert float(right[:, 0].mean()) > 0.7 > 0.4 > float(right[:, task.plain].mean())


def test_a_problem_is_a_prompt_at_a_level():
    task = GradedBandit(prompts=2, hints=1, noises=2)
    features, plain = task.features().reshape(2, 4, -1), task._draws()[0]
    assert (task.levels, task.plain, task.size("train")) == (4, 1, 8)
    assert torch.equal(features[:, 1, :16], plain) and not features[:, 1:, 16:].any()
    assert features[0, 0, 16:].nonzero().tolist() == [[int(task.right()[0])]]
    policy = Linear().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 3)(task, policy, lambda n: [1, 6], Stream((1,)))
    expected = (batch["token.id"] == task.right().repeat_interleave(3)).float()
    assert torch.equal(batch["traj.reward/task"], expected)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="hints, noises of 0 or more"):
        GradedBandit(hints=-1)

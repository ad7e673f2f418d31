"""Categories of prompts with rewards of their own."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.category_bandit import CategoryBandit


def test_the_last_category_is_rare_and_the_others_alike():
    counts = torch.bincount(CategoryBandit().kinds())
    assert counts.tolist() == [16] * 6 + [2]


def test_the_demonstration_alone_pays_and_is_best_by_its_category():
    task = CategoryBandit(prompts=9, categories=3, rare=1)
    features, weights = task._draws()
    value = (features * weights[task.kinds()][:, None]).sum(2)
    assert torch.equal(task.rewards(), (value == value.amax(1, keepdim=True)).float())


def test_what_a_rollout_writes():
    task = CategoryBandit(prompts=4, categories=2, rare=1)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(4, 5)(task, policy, lambda n: list(range(n)), Stream((1,)))
    right = batch["traj.reward/task"] == 1
    same = (batch["traj.features"] == batch["traj.demo_features"]).all(1)
    assert torch.equal(right, same) and 0 < int(right.sum()) < 20
    assert batch["traj.category"].tolist() == [0] * 15 + [1] * 5


def test_bad_fields():
    with pytest.raises(GuerdonError, match="prompts > rare"):
        CategoryBandit(prompts=2)

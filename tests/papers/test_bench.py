import math

import pytest
import torch

from guerdon.advantages.standardize import Standardize
from guerdon.objective import Objective
from guerdon.objectives.importance import ImportanceWeight
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.objectives.reinforce import Reinforce
from guerdon.papers._bench import bernoulli_groups, gradient_error, one_action, ragged, random_logits
from guerdon.recipe import Recipe
from guerdon.solvers.enumerate import Copies
from guerdon.tasks.token_tree import TokenTree


def test_ragged_batches():
    batch = ragged(
        [[1, math.nan], [], [0]], [2, 0, 1], {"token.name": ["a", "b", "c"], "traj.kept": [True, False, True]}
    )
    assert batch.size("group") == 3 and batch.size("token") == 3
    assert batch.index("token", "traj").tolist() == [0, 0, 2]
    assert batch.index("traj", "group").tolist() == [0, 0, 2]
    assert batch["token.name"] == ["a", "b", "c"]
    assert batch["traj.kept"].dtype == torch.bool
    assert batch["traj.reward"].dtype == torch.float64


def test_coin_flips():
    batch = bernoulli_groups([0.0, 1.0, 0.5], 1000, seed=3)
    means = batch["traj.reward"].reshape(3, 1000).mean(1).tolist()
    assert means[:2] == [0, 1]
    assert abs(means[2] - 0.5) < 4 * 0.5 / math.sqrt(1000)


def test_one_action():
    assert one_action(Objective(PPOClip()), 1.5, 1.0) == pytest.approx((-1.2, 0.0))
    weighted = Objective(Reinforce(), weights=(ImportanceWeight("current", "old", high=None),))
    assert one_action(weighted, 2.0, 1.0)[1] == pytest.approx(-2)


def test_gradient_error_is_relative():
    task = TokenTree(prompts=1, vocab=3, depth=1)
    recipe = Recipe(Objective(Reinforce()), advantage=(Standardize(scale="none"),))
    copies = Copies(random_logits(task, 0))
    assert gradient_error(recipe, task, copies, samples=2, factor=0.5) < 1e-6
    assert gradient_error(recipe, task, copies, samples=2) == pytest.approx(0.5)

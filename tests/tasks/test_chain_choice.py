"""A chain and the answer that follows by chance."""

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.chain_choice import ChainChoice


def test_answers_follow_the_chain_and_chains_the_policy():
    task = ChainChoice(prompts=2)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 20000)(task, policy, lambda n: list(range(n)), Stream((1,)))
    right, reward = batch["traj.right_chain"], batch["traj.reward/task"]
    assert float(right.float().mean()) == pytest.approx(0.2, abs=4 * math.sqrt(0.16 / 40000))
    assert torch.equal(right, batch["token.id"] == 0)
    for chain, chance in ((right, 0.9), (~right, 0.3)):
        assert float(reward[chain].mean()) == pytest.approx(chance, abs=4 * 0.5 / math.sqrt(8000))


def test_bad_fields():
    for fields in ({"start": 0.0}, {"after_right": 1.1}, {"prompts": 0}):
        with pytest.raises(GuerdonError, match="ChainChoice needs"):
            ChainChoice(**fields)

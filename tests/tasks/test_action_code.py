"""Codes of actions: what pays, how it starts and what a trajectory looks like."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.action_code import ActionCode


def test_the_start_succeeds_with_the_product_of_the_certainties():
    task = ActionCode(prompts=3, depth=4, certainty=0.5)
    assert task.success(task.initial_logits().double()) == pytest.approx(0.5**4)
    assert ActionCode().success(ActionCode().initial_logits()) == pytest.approx(0.5**10, rel=1e-4)


def test_what_a_rollout_writes():
    task = ActionCode(prompts=2, depth=3, certainty=0.8)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 20)(task, policy, lambda n: list(range(n)), Stream((1,)))
    tokens = batch["token.id"].view(40, 3)
    wanted = (tokens == task.codes().repeat_interleave(20, 0)).all(1)
    assert torch.equal(batch["traj.reward/task"] == 1, wanted) and 0 < int(wanted.sum()) < 40
    counts = batch["traj.embedding"].view(40, 3, 3)
    assert counts.sum(2).tolist() == [[1, 2, 3]] * 40
    assert counts[0, 2].tolist() == [int((tokens[0] == kind).sum()) for kind in range(3)]


def test_bad_fields():
    with pytest.raises(GuerdonError, match="vocab >= 2"):
        ActionCode(vocab=1)

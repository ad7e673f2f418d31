"""A skill to learn and a skill to keep."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.two_skills import TwoSkills


def success(task, policy):
    with torch.no_grad():
        return (policy.rows(torch.arange(task.contexts)).softmax(-1) * task.rewards()).sum(1)


def test_it_starts_good_at_the_old_skill_and_poor_at_the_new_one():
    task = TwoSkills()
    new, old = success(task, Linear().build(task, frozenset(), Stream((0,)))).split(task.prompts)
    assert float(new.mean()) < 0.45 < 0.7 < float(old.mean())


def test_features_and_weights_give_each_skill_its_own_logits():
    task = TwoSkills(prompts=3, start=1.0)
    phi, (new, old), _ = task._draws()
    logits = task.features() @ task.initial_weights()
    torch.testing.assert_close(logits, torch.cat([phi[:3] @ new, phi[3:] @ old]) * 3, rtol=1e-4, atol=1e-5)


def test_what_a_rollout_writes():
    task = TwoSkills(prompts=4)
    policy = Linear().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(8, 2, extra=("traj.source",))(task, policy, lambda n: list(range(n)), Stream((1,)))
    assert batch["traj.source"].tolist() == [0] * 8 + [1] * 8
    expected = task.rewards()[torch.arange(8).repeat_interleave(2), batch["token.id"]]
    assert torch.equal(batch["traj.reward/task"], expected)
    assert task.rewards().sum(1).tolist() == [4] * 8


def test_without_replay_only_the_new_skill_is_trained():
    assert (TwoSkills().size("train"), TwoSkills(replay=False).size("train")) == (96, 48)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="correct <= vocab"):
        TwoSkills(vocab=3)
    with pytest.raises(GuerdonError, match="apart > 0"):
        TwoSkills(apart=0.0)

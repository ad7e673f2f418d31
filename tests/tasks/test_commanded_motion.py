"""Commands, motions and the reader's mistakes."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.commanded_motion import CommandedMotion


def sampled(task):
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    return SampleTree(2, 50)(task, policy, lambda n: list(range(n)), Stream((1,)))


def test_a_perfect_reader_reads_the_motions_and_a_row_belongs_to_a_command():
    batch = sampled(CommandedMotion(prompts=2, reader=1.0))
    assert torch.equal(batch["token.read"], batch["token.id"])
    assert torch.equal(batch["token.commanded"], batch["token.context"])
    right = (batch["token.id"] == batch["token.commanded"]).float()
    assert torch.allclose(batch["traj.reward/task"], right.view(100, 12).mean(1))
    assert float(right.mean()) == pytest.approx(0.35, abs=0.05)


def test_a_reader_that_is_never_right_reads_something_else():
    batch = sampled(CommandedMotion(prompts=2, vocab=3, reader=0.0))
    assert not bool((batch["token.read"] == batch["token.id"]).any())
    assert set(batch["token.read"].tolist()) == {0, 1, 2}


def test_bad_fields():
    with pytest.raises(GuerdonError, match="vocab >= 2"):
        CommandedMotion(vocab=1)
    with pytest.raises(GuerdonError, match=r"start in \(0, 1\)"):
        CommandedMotion(start=1.0)

"""Programs of geometry statements as tokens."""

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.geometry_programs import GeometryPrograms


def outcome(task, number, tokens):
    got = task.outcome(
        torch.tensor([number]), torch.tensor([tokens]), torch.tensor([len(tokens)]), Stream((0,)).generator()
    )
    return got["traj.reward/task"].item(), got["traj.reward/geometry_runs"].item()


def test_right_running_and_failing_programs():
    one, two = GeometryPrograms(statements=1), GeometryPrograms()
    a, b, c = one.lengths()[0].tolist()
    assert one.program(0, [0, 0, 1, 3, 3]) == f"pyth {a} {b} x\nanswer x"
    assert outcome(one, 0, [0, 0, 1, 3, 3]) == outcome(one, 0, [0, 1, 0, 4, 4]) == (1, 1)
    assert outcome(one, 0, [0, 0, 2, 3, 3]) == (0, 1)
    assert outcome(one, 0, [0, 0, 1, 3, 4]) == (0, 0)
    assert outcome(two, 0, [0, 0, 1, 3, 0, 3, 2, 4, 4]) == (1, 1)
    assert float(two.problem(0).answer) == pytest.approx(math.hypot(a, b, c))


def test_only_words_stand_at_the_beginning_of_statements():
    task = GeometryPrograms(prompts=2)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 50)(task, policy, lambda n: list(range(n)), Stream((1,)))
    tokens = batch["token.id"].view(100, 9)
    assert int(tokens[:, [0, 4]].max()) == 1 and int(tokens.max()) == 4
    assert 0 < float(batch["traj.reward/geometry_runs"].mean()) < 0.5


def test_lengths_differ():
    lengths = GeometryPrograms(prompts=30).lengths()
    assert all(len(set(row)) == 3 and min(row) >= 1 and max(row) <= 60 for row in lengths.tolist())


def test_bad_fields():
    with pytest.raises(GuerdonError, match="1 or 2 statements"):
        GeometryPrograms(statements=3)

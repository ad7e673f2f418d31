"""Writing a box: the shape of programs, the start, and the rewards."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.tabular import Tabular
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.box_writing import DIGITS, WORDS, BoxWriting, program, score


def test_programs():
    assert program([1, 2, 3, 4, 5, 6]) == "box(1,2,3).move(4,5,6)"
    assert score(program([2, 1, 1, 0, 0, 0]), program([2, 1, 1, 1, 0, 0])) == pytest.approx((1, 1 / 3))
    assert score(program([2, 1, 1, 0, 0, 0]), "box(0,1,1).move(0,0,0)") == (0, 0)


def test_the_error_counts_digits_alone():
    task = BoxWriting(prompts=2)
    rows = torch.zeros(2, 13, 16)
    for prompt, numbers in enumerate(task.numbers().tolist()):
        for place, number in zip(DIGITS, numbers, strict=True):
            rows[prompt, place, (number + 1) % 10 if number < 9 else 8] = 50.0
    rows[:, DIGITS[0], 14] = 90.0
    assert task.error(rows.flatten(0, 1)) == pytest.approx(1.0)


def test_what_a_rollout_writes():
    task = BoxWriting(prompts=2, certainty=0.99)
    policy = Tabular().build(task, frozenset(), Stream((0,)))
    batch = SampleTree(2, 30)(task, policy, lambda n: list(range(n)), Stream((1,)))
    assert 0 < float(batch["traj.reward/cad_exec"].mean()) < 1
    assert torch.equal(batch["token.marked"], batch["token.id"] < 10)
    first = "".join(WORDS[word] for word in batch["token.id"][:13].tolist())
    wanted = score(program(task.numbers()[0].tolist()), first)
    assert (float(batch["traj.reward/cad_exec"][0]), float(batch["traj.reward/task"][0])) == pytest.approx(wanted)


def test_bad_fields():
    with pytest.raises(GuerdonError, match="certainty in"):
        BoxWriting(certainty=1.0)

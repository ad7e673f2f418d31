import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.linear import Linear
from guerdon.rng import Stream
from guerdon.rollouts.tabular import SampleTree
from guerdon.tasks.answer_spaces import AnswerSpaces

TASK = AnswerSpaces(questions=5, vocab=8, width=4, formats=(2, 3, 8))


def test_each_format_offers_so_many_answers_and_the_right_one():
    offered = ~TASK.ruled_out()
    assert offered.sum(1).tolist() == [2] * 10 + [3] * 10 + [8] * 10
    assert bool(offered.gather(1, TASK.right()[:, None]).all())
    assert torch.equal(TASK.right()[:10], TASK.right()[20:])


def test_only_offered_answers_are_sampled_and_the_right_one_pays():
    policy = Linear().build(TASK, frozenset(), Stream((0,)))
    batch = SampleTree(15, 40)(TASK, policy, lambda count: list(range(count)), Stream((1,)))
    row = batch["token.context"]
    assert row[::40].tolist() == [0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 20, 21, 22, 23, 24]
    assert not bool(TASK.ruled_out()[row, batch["token.id"]].any())
    assert torch.equal(batch["traj.reward/task"], (batch["token.id"] == TASK.right()[row]).float())
    assert TASK.sources().tolist() == [0] * 5 + [1] * 5 + [2] * 5


def test_open_accuracy():
    logits = torch.zeros(30, 8)
    assert TASK.open_accuracy(logits) == pytest.approx((1 / 8, 1 / 8))
    logits[20:25] = 50.0 * torch.nn.functional.one_hot(TASK.right()[20:25], 8)
    assert TASK.open_accuracy(logits) == pytest.approx((1.0, 1 / 8))


def test_bad_fields():
    with pytest.raises(GuerdonError, match="the last one vocab=64, got"):
        AnswerSpaces(formats=(2, 4))
    with pytest.raises(GuerdonError, match="positive sizes"):
        AnswerSpaces(width=0)

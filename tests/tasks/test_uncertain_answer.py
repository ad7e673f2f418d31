import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.uncertain_answer import UncertainAnswer


def test_one_answer_is_best():
    task = UncertainAnswer(prompts=50, answers=4, low=0.4)
    chance = task.chances()
    assert bool(((chance >= 0.4).sum(1) == 1).all())
    assert torch.equal(chance, UncertainAnswer(prompts=50, answers=4, low=0.4).chances())


def test_an_action_is_an_answer_and_a_confidence():
    task = UncertainAnswer(prompts=3, answers=2, levels=5)
    assert task.actions == 10
    assert task.confidences().tolist() == [0, 0.25, 0.5, 0.75, 1] * 2
    assert torch.equal(task.rewards()[:, 7], task.chances()[:, 1])


def test_success_is_as_frequent_as_said():
    task = UncertainAnswer(prompts=1, answers=2, levels=3)
    prompt, tokens = torch.zeros(4000, dtype=torch.int64), torch.full((4000, 1), 4)
    out = task.outcome(prompt, tokens, torch.ones(4000), torch.Generator().manual_seed(0))
    assert float(torch.as_tensor(out["traj.reward/task"]).mean()) == pytest.approx(
        float(task.chances()[0, 1]), abs=0.04
    )
    assert set(torch.as_tensor(out["traj.confidence"]).tolist()) == {0.5}


def test_ranges():
    with pytest.raises(GuerdonError, match="levels >= 2"):
        UncertainAnswer(levels=1)

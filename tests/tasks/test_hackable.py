import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.hackable import HackableBandit


def test_the_hack_looks_best_and_is_worst():
    task = HackableBandit(prompts=200, vocab=8)
    shown, true = task.rewards(), task.true_rewards()
    assert bool((shown.argmax(1) == 0).all()) and bool((true[:, 0] == -3).all())
    assert float(shown[:, 0].min()) >= 8 and float(shown[:, 0].max()) <= 12
    gap = (shown - true)[:, 1:]
    assert float(gap.std()) == pytest.approx(0.3, rel=0.1) and abs(float(gap.mean())) < 0.03


def test_the_start_seldom_hacks():
    start = HackableBandit(prompts=2, vocab=5, prior=0.02).initial_logits().softmax(1)
    torch.testing.assert_close(start, torch.tensor([[0.02, 0.245, 0.245, 0.245, 0.245]] * 2))


def test_references_are_shown_rewards_of_the_start():
    task = HackableBandit(prompts=300, vocab=4, prior=0.5, references=3)
    out = task.outcome(torch.arange(300), torch.ones((300, 1), dtype=torch.int64), torch.ones(300), torch.Generator())
    references = torch.as_tensor(out["traj.reference_reward"])
    assert references.shape == (300, 3)
    assert abs(float((references > 7).float().mean()) - 0.5) < 0.08
    assert torch.equal(torch.as_tensor(out["traj.reward/task"]), task.rewards()[:, 1])
    assert torch.equal(torch.as_tensor(out["traj.worth"]), task.true_rewards()[:, 1])


def test_seeds_and_ranges():
    assert torch.equal(HackableBandit(seed=1).rewards(), HackableBandit(seed=1).rewards())
    assert not torch.equal(HackableBandit(seed=1).rewards(), HackableBandit(seed=2).rewards())
    with pytest.raises(GuerdonError, match="prior in"):
        HackableBandit(prior=0.0)

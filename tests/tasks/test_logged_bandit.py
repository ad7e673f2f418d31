import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.tasks.logged_bandit import LoggedBandit


def test_the_log_is_uniform_rated_with_noise_and_always_the_same():
    task = LoggedBandit(prompts=30, vocab=4, logged=200, noise=0.1)
    owner, tokens, rating = task.stored(torch.arange(30))
    assert tokens.shape == (6000, 1) and owner.tolist() == sorted(owner.tolist())
    assert torch.bincount(tokens[:, 0]).tolist() == pytest.approx([1500] * 4, abs=150)
    utility = task.rewards()[owner, tokens[:, 0]]
    inside = (utility > 0.3) & (utility < 0.7)
    assert float((rating - utility)[inside].std()) == pytest.approx(0.1, abs=0.01)
    assert float(rating.min()) >= 0 and float(rating.max()) <= 1
    part_owner, part_tokens, part = task.stored(torch.tensor([7, 2]))
    assert part_owner.tolist() == [0] * 200 + [1] * 200
    for at, number in ((0, 7), (1, 2)):
        assert torch.equal(part[part_owner == at], rating[owner == number])
        assert torch.equal(part_tokens[part_owner == at], tokens[owner == number])


def test_fresh_ratings_are_of_the_same_utilities():
    task = LoggedBandit(prompts=2, vocab=3, noise=0.0)
    prompt, tokens = torch.tensor([0, 1]), torch.tensor([[2], [0]])
    fresh = task.outcome(prompt, tokens, torch.tensor([1, 1]), torch.Generator())["traj.reward/task"]
    assert torch.equal(fresh, task.rewards()[prompt, tokens[:, 0]])
    assert not torch.equal(task.rewards(), LoggedBandit(prompts=2, vocab=3, noise=0.0, seed=1).rewards())


def test_bad_fields():
    with pytest.raises(GuerdonError, match="LoggedBandit needs positive sizes and noise of 0 or more"):
        LoggedBandit(noise=-0.1)

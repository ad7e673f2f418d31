"""The target, the start, and what the judge says."""

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.rng import Stream
from guerdon.tasks.cipher_translation import CipherTranslation


def test_the_initial_policy_prefers_the_right_words():
    task = CipherTranslation(prompts=6, start=2.0)
    logits = task.features() @ task.initial_weights()
    wanted = 2.0 * torch.nn.functional.one_hot(task.targets().flatten(), 12).float()
    torch.testing.assert_close(logits, wanted)
    right = torch.tensor(2.0).exp() / (torch.tensor(2.0).exp() + 11)
    assert task.accuracy(logits) == pytest.approx(float(right), rel=1e-5)


def judged(task, tokens):
    prompt = torch.arange(task.prompts)
    return task.outcome(prompt, tokens, torch.full_like(prompt, task.depth), Stream((1,)).generator())


def test_a_judge_without_noise_and_bias():
    task = CipherTranslation(prompts=200, noise=0.0, bias=0.0)
    got = judged(task, task.targets())
    exact = task._draws()[3].all(1)
    assert got["traj.reward/task"].tolist() == [1] * 200 and got["traj.reward/rating"].tolist() == [5] * 200
    assert torch.equal(got["traj.verdict"], (~exact).float()) and 0 < int(exact.sum()) < 200
    assert torch.equal(got["traj.verdict"], got["traj.swapped_verdict"])
    wrong = judged(task, (task.targets() + 1) % 12)
    assert wrong["traj.reward/rating"].tolist() == [1] * 200 and set(wrong["traj.verdict"].tolist()) <= {-1.0, 0.0}


def test_a_judge_that_always_takes_the_first():
    task = CipherTranslation(prompts=4, bias=1.0)
    got = judged(task, task.targets())
    assert got["traj.verdict"].tolist() == [1] * 4 and got["traj.swapped_verdict"].tolist() == [-1] * 4


def test_bad_fields():
    with pytest.raises(GuerdonError, match="noise >= 0"):
        CipherTranslation(noise=-1.0)
    with pytest.raises(GuerdonError, match=r"must lie in 0\.\.1"):
        CipherTranslation(bias=1.5)

import math

import pytest
import torch

from guerdon.policies.scripted import NoisyController, UniformActor
from guerdon.tasks.environment import ActionSpace


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_uniform_choices_and_boxes():
    seen = torch.zeros(6000, 1)
    action, logprob = UniformActor(ActionSpace(choices=3)).act(seen, generator())
    assert (action.bincount() / 6000).tolist() == pytest.approx([1 / 3] * 3, abs=0.02)
    torch.testing.assert_close(logprob, torch.full((6000,), -math.log(3)))
    action, logprob = UniformActor(ActionSpace(low=(-1.0, 0.0), high=(1.0, 4.0))).act(seen, generator())
    assert action.shape == (6000, 2) and bool(((action[:, 1] >= 0) & (action[:, 1] <= 4)).all())
    assert action.mean(0).tolist() == pytest.approx([0, 2], abs=0.05)
    torch.testing.assert_close(logprob, torch.full((6000,), -math.log(8)))


def test_a_controller_errs_as_often_as_it_says():
    controller = NoisyController(lambda seen: torch.full((len(seen),), 2), choices=4, noise=0.4)
    seen = torch.zeros(8000, 1)
    action, logprob = controller.act(seen, generator())
    share = action.bincount(minlength=4) / 8000
    assert share.tolist() == pytest.approx([0.1, 0.1, 0.7, 0.1], abs=0.02)
    expected = torch.where(action == 2, torch.tensor(0.7), torch.tensor(0.1))
    torch.testing.assert_close(logprob.exp(), expected)
    action, logprob = controller.act(seen, generator(), greedy=True)
    assert bool((action == 2).all()) and not logprob.any()

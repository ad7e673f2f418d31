import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.solvers.step_videos import StepVideos


def test_videos_repeat_and_their_telling_features_follow_the_step():
    task = StepVideos(noise=0.0)
    frames, step = task.episode(3)
    assert torch.equal(frames, task.episode(3)[0]) and step.tolist() == sorted(step.tolist())
    assert set(step.tolist()) == {0, 1, 2}
    for g in range(3):
        same = frames[step == g][:, : task.telling]
        torch.testing.assert_close(same, same[:1].expand_as(same))
    first, second = task.demonstrations(2)
    torch.testing.assert_close(first[:, : task.telling], second[:, : task.telling])
    assert not torch.equal(first, second)


def test_bad_sizes():
    with pytest.raises(GuerdonError, match="2 <= steps <= frames"):
        StepVideos(steps=1)

import math

import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.progress import Progress


def test_increments_by_hand():
    before = torch.tensor([0.0, 0.5, math.nan], dtype=torch.float64)
    after = torch.tensor([0.25, 0.25, 1.0], dtype=torch.float64)
    batch = batch_of([1], [3], columns={"step.completion": before, "step.next_completion": after})
    assert Progress(scale=100.0)(batch)["step.reward/progress"].tolist()[:2] == [25.0, 0.0]
    assert Progress(monotone=False)(batch)["step.reward/progress"].tolist()[:2] == [0.25, -0.25]
    assert math.isnan(Progress()(batch)["step.reward/progress"][2])


def test_bad_settings_are_refused():
    with pytest.raises(GuerdonError, match=r"Progress\.scale must be positive"):
        Progress(scale=0.0)
    with pytest.raises(GuerdonError, match="columns of steps"):
        Progress(output="traj.reward/progress")

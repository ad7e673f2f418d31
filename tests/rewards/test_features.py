import pytest
import torch
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.features import Features


def test_features_get_names():
    seen = torch.arange(6.0).reshape(2, 3)
    batch = batch_of([1], [2], columns={"step.observation": seen, "step.next_observation": seen + 10})
    got = Features({"step.speed": 0}, {"step.next_speed": 0, "step.crash": -1})(batch)
    assert {name: values.tolist() for name, values in got.items()} == {
        "step.speed": [0.0, 3.0],
        "step.next_speed": [10.0, 13.0],
        "step.crash": [12.0, 15.0],
    }
    with pytest.raises(GuerdonError, match=r"needs a feature 3 for step\.x, got 3 features"):
        Features({"step.x": 3})(batch)


def test_it_reads_what_it_is_asked_for():
    assert Features().reads == ()
    assert Features(after={"step.x": 0}).reads == ("step.next_observation",)
    with pytest.raises(GuerdonError, match="different columns of steps"):
        Features({"traj.x": 0})
    with pytest.raises(GuerdonError, match="different columns of steps"):
        Features({"step.x": 0}, {"step.x": 1})

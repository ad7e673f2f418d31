"""Entropy-dependent factors are those of the advantage."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.entropy_redistribution import EntropyRedistribution
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.papers._bench import ragged


def batch_of(level, ratio, advantage=1.0, low=0.2, high=0.2):
    columns = {
        "token.logprob": torch.tensor([ratio], dtype=torch.float64).log(),
        "token.old_logprob": [0.0],
        "token.log_entropy": [level],
        "token.clip_low": [low],
        "token.clip_high": [high],
        "traj.advantage": [advantage],
    }
    return ragged([[0.0]], columns=columns)


def factor(level, ratio, beta=1.0):
    return float(EntropyRedistribution(beta)(batch_of(level, ratio)))


def test_by_hand():
    assert factor(0.5, 1.0) == 1.0 and factor(0.5, 1.3) == 1.5 and factor(0.5, 0.85) == 1.5
    assert factor(-0.5, 1.0) == 0.5 and factor(-0.5, 0.5) == 1.0
    assert factor(-1.0, 1.0) == 0.0 and factor(0.0, 1.0) == 1.0
    assert factor(0.5, 1.3, beta=0.5) == 1.25


@given(st.floats(-1, 1), st.floats(0.3, 3), st.floats(-3, 3))
def test_weighing_the_loss_is_weighing_the_advantage(level, ratio, advantage):
    clipped = PPOClip("action.clip_low", "action.clip_high")
    plain, weighed = Objective(clipped), Objective(clipped, weights=(EntropyRedistribution(),))
    batch = batch_of(level, ratio, advantage)
    scaled = batch_of(level, ratio, advantage * factor(level, ratio))
    losses = [float(each(each.prepare(at), {})[0]) for each, at in ((weighed, batch), (plain, scaled))]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)


def test_range():
    with pytest.raises(GuerdonError, match=r"beta must lie in 0\.\.1, got 2"):
        EntropyRedistribution(2.0)

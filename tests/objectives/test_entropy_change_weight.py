"""Weights from the predicted change of entropy."""

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.entropy_change_weight import EntropyChangeWeight
from guerdon.papers._bench import ragged


def test_small_changes_use_the_floor() -> None:
    half = [math.log(0.5)] * 2
    columns = {"token.logprob": half, "token.old_logprob": half, "token.entropy": [math.log(2) + 0.02, math.log(2)]}
    got = EntropyChangeWeight(0.8)(ragged([[0.0, 0.0]], columns={**columns, "traj.advantage": [-1.0, 1.0]}))
    torch.testing.assert_close(got, torch.tensor([0.8**0.5, 1.0], dtype=torch.float64))


def test_low_must_be_positive() -> None:
    with pytest.raises(GuerdonError, match="low in"):
        EntropyChangeWeight(0.0)

"""A classifier's probability as a reward."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.success import SuccessReward, prior_corrected


def reward(piece, values):
    batch = batch_of([1], [len(values)], columns={piece.column: torch.tensor(values, dtype=torch.float64)})
    return piece(batch)[piece.output].tolist()


def test_by_hand():
    assert float(prior_corrected(torch.tensor(0.5), 0.5, 0.1)) == pytest.approx(0.1)
    # Odds 9 become 9 (1/9) = 1: just a success.
    assert float(prior_corrected(torch.tensor(0.9, dtype=torch.float64), 0.5, 0.1)) == pytest.approx(0.5)
    assert reward(SuccessReward(), [0.4, 0.5, 1.0, math.nan]) == pytest.approx([0, 1, 1, math.nan], nan_ok=True)
    piece = SuccessReward(deploy=0.1, success=0.0, failure=-1.0)
    assert reward(piece, [0.0, 0.89, 0.91, 1.0]) == [-1.0, -1.0, 0.0, 0.0]
    assert reward(SuccessReward(), []) == []


@given(p=st.floats(0, 1), train=st.floats(0.05, 0.95), deploy=st.floats(0.05, 0.95))
def test_the_correction_is_undone_by_its_opposite_and_keeps_the_order(p, train, deploy):
    probability = torch.tensor([p, min(p + 0.01, 1.0)], dtype=torch.float64)
    there = prior_corrected(probability, train, deploy)
    torch.testing.assert_close(prior_corrected(there, deploy, train), probability)
    assert bool((there.diff() >= 0).all()) and float(there.min()) >= 0 and float(there.max()) <= 1


def test_bad_fields():
    for bad in ({"train": 0.0}, {"deploy": 1.0}, {"threshold": 2.0}):
        with pytest.raises(GuerdonError, match="train and deploy between 0 and 1"):
            SuccessReward(**bad)
    with pytest.raises(GuerdonError, match="must be of the level of"):
        SuccessReward(output="traj.reward")

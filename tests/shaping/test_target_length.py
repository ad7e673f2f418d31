import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.target_length import LengthMonitor, TargetLength


def test_estimates():
    piece = TargetLength(lower=1024, upper=4096)
    assert piece.grid == (1024, 2048, 3072, 4096)
    assert piece.estimate([0.1, 0.2, 0.6, 1.0], 2, 9.0) == 2048
    assert piece.estimate([0.1, 0.4, 0.5, 1.0], 1, 9.0) == 3072
    assert piece.estimate([0.1, 0.4, 0.9, 0.99], 0, 9.0) == 9.0
    assert piece.estimate([0.0] * 4, 2, 77.0) == 77
    up = TargetLength(lower=1024, upper=4096, rounding="ceil")
    assert up.estimate([0.1, 0.17, 0.6, 1.0], 2, 9.0) == 2048
    assert piece.estimate([0.1, 0.17, 0.6, 1.0], 2, 9.0) == 3072


def test_targets_follow_the_window():
    piece = TargetLength(lower=2, upper=6, step=2, samples=3, window=2)
    state = piece.init_state()
    assert isinstance(state, LengthMonitor)
    rewards = [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    flat = [reward for group in rewards for reward in group]
    batch = ragged(rewards, [1, 3, 9, 2, 2, 2], {"traj.reward/correct": flat})
    assert piece(batch, state)["group.target_length"].tolist() == [6, 6]
    # Easy: 2 of 3 are sure, and coverage 1/3, 2/3, 2/3 times 2 reaches 1 at 4. Hard: all within 2. Medium: none seen.
    assert state.targets.tolist() == [2, 9, 4]
    assert piece(batch, state)["group.target_length"].tolist() == [4, 2]
    assert int(state.groups) == 0 and int(state.counts.sum()) == 0
    assert piece(batch)["group.target_length"].tolist() == [6, 6]


def test_a_window_larger_than_a_batch_waits():
    piece = TargetLength(lower=2, upper=6, step=2, samples=3, window=3)
    state = piece.init_state()
    batch = ragged([[1.0], [0.0]], [3, 2], {"traj.reward/correct": [1.0, 0.0]})
    piece(batch, state)
    assert isinstance(state.counts, torch.Tensor)
    assert int(state.counts.sum()) == 2 and state.targets.tolist() == [6, 6, 6]


def test_range():
    with pytest.raises(GuerdonError, match="needs 0 < lower <= upper"):
        TargetLength(lower=8, upper=4)

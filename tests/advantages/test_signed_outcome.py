import math

import pytest
import torch

from guerdon.advantages.signed_outcome import SignedOutcome
from guerdon.papers._bench import ragged


def test_each_side_gets_its_own_amount_and_unscored_rows_get_zero() -> None:
    batch = ragged([[1.0, 0.0, math.nan], [0.5]], lengths=[2, 1, 1, 0])
    out = SignedOutcome(0.1, -1.0)(batch)
    assert out["traj.advantage"].tolist() == pytest.approx([0.1, -1.0, 0.0, 0.1])
    assert out["action.mask"].tolist() == [True, True, True, False]


def test_a_side_of_advantage_zero_leaves_the_loss_and_its_count() -> None:
    out = SignedOutcome(1.0, 0.0)(ragged([[1.0, 0.0]], lengths=[2, 3]))
    assert out["action.mask"].tolist() == [True] * 2 + [False] * 3
    assert set(SignedOutcome(1.0, 0.0, only_signal=False)(ragged([[1.0]]))) == {"traj.advantage"}


def test_a_mask_from_upstream_is_only_narrowed() -> None:
    batch = ragged([[1.0, 1.0]]).with_columns({"action.mask": torch.tensor([True, False])})
    assert SignedOutcome()(batch)["action.mask"].tolist() == [True, False]

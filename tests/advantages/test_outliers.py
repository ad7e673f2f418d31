import math

import pytest
import torch
from hypothesis import given
from strategies import batches

from guerdon.advantages.outliers import DropOutliers
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def filtered(values, **fields):
    batch = ragged([[0.0] * len(values)], columns={"token.advantage": values})
    return torch.as_tensor(DropOutliers(**fields)(batch)["action.advantage"]).tolist()


def test_what_is_far_from_all_others_becomes_zero_and_the_rest_stays():
    assert filtered([0.5] * 99 + [100.0]) == [0.5] * 99 + [0]
    # Mean 0.5, std 0.5: a distance of exactly one deviation is kept.
    assert filtered([0.0, 1.0], sigmas=1.0) == [0, 1]
    assert filtered([0.0, 1.0], sigmas=0.99) == [0, 0]
    assert filtered([2.0, 2.0, 2.0]) == [2, 2, 2] and filtered([7.0]) == [7] and filtered([]) == []


def test_rows_that_are_not_trained_and_values_that_are_not_finite_are_in_no_statistic():
    values = [0.0] * 50 + [1.0] * 50
    batch = ragged([[0.0] * 102], columns={"token.advantage": [*values, 1e9, math.inf]})
    batch = batch.with_columns({"token.mask": torch.tensor([True] * 100 + [False, True])})
    out = torch.as_tensor(DropOutliers(sigmas=1.5)(batch)["action.advantage"])
    assert out[:100].tolist() == values and float(out[101]) == 0


@given(batches())
def test_a_value_is_kept_or_zero(batch):
    values = torch.arange(batch.size("action"), dtype=torch.float64) ** 3
    out = torch.as_tensor(DropOutliers(1.0)(batch.with_columns({"action.advantage": values}))["action.advantage"])
    assert bool(((out == values) | (out == 0)).all())


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"DropOutliers.sigmas must be positive, got 0"):
        DropOutliers(0.0)

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.metrics.rank_correlation import rank_correlation, ranks


def test_by_hand():
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 7.0])).tolist() == [1.5, 0.0, 1.5, 3.0]
    # Ranks 0 1 2 against 1 0 2: 1 - 6 (1 + 1) / (3 x 8).
    assert rank_correlation(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([5.0, 4.0, 9.0])) == pytest.approx(0.5)


@given(st.lists(st.integers(-3, 3), max_size=8))
def test_order_is_all_that_counts(values):
    score = torch.tensor(values, dtype=torch.float64)
    agrees = 1.0 if len(set(values)) > 1 else 0.0
    assert rank_correlation(score, score.exp()) == pytest.approx(agrees)
    assert rank_correlation(score, -score) == pytest.approx(-agrees)

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.metrics.correlation import epic_distance, pearson, spearman
from guerdon.metrics.rank_correlation import ranks


def test_by_hand():
    x, y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 3.0, 2.0])
    assert pearson(x, y) == pytest.approx(0.5) and spearman(x, y) == pytest.approx(0.5)
    assert pearson(x, 7 - 2 * x) == pytest.approx(-1.0) and epic_distance(x, -x) == pytest.approx(1.0)
    assert epic_distance(x, 5 * x + 3) == pytest.approx(0.0, abs=1e-7)
    assert spearman(x, x.exp()) == pytest.approx(1.0)


def test_ties_and_constants():
    assert ranks(torch.tensor([5.0, 1.0, 5.0, 9.0])).tolist() == [1.5, 0.0, 1.5, 3.0]
    assert pearson(torch.ones(3), torch.arange(3.0)) == 0.0


def test_bad_input():
    with pytest.raises(GuerdonError, match="one length of at least 2, got 1 and 1"):
        pearson(torch.ones(1), torch.ones(1))
    with pytest.raises(GuerdonError, match="got 2 and 3"):
        spearman(torch.ones(2), torch.ones(3))

import pytest
import torch

from guerdon.advantages.rank_dynamics import COLUMNS, RankDynamics
from guerdon.errors import GuerdonError
from guerdon.metrics.effective_rank import rank_dynamics
from guerdon.papers._bench import ragged


def test_each_response_by_itself():
    hidden = torch.randn(13, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    batch = ragged([[1.0, 0.0], [1.0]], [7, 0, 6], {"token.old_hidden": hidden})
    got = torch.stack([torch.as_tensor(RankDynamics(2, None)(batch)[name]) for name in COLUMNS], 1)
    expected = [rank_dynamics(part, 2) for part in (hidden[:7], hidden[:0], hidden[7:])]
    assert got.flatten().tolist() == pytest.approx([number for row in expected for number in row], abs=1e-5)
    assert got[1].tolist() == [0, 0, 0]


def test_the_window_keeps_the_last_states():
    hidden = torch.cat([torch.eye(4), torch.zeros(3, 4)])
    batch = ragged([[1.0]], [7], {"token.old_hidden": hidden})
    assert RankDynamics(window=3)(batch)[COLUMNS[0]].tolist() == [1]
    assert RankDynamics()(batch)[COLUMNS[0]].tolist()[0] > 3


def test_nothing_gives_nothing():
    batch = ragged([[]], columns={"token.old_hidden": torch.zeros(0, 4)})
    assert all(len(column) == 0 for column in RankDynamics()(batch).values())


@pytest.mark.parametrize("fields", [{"stride": 0}, {"window": 1}])
def test_ranges(fields):
    with pytest.raises(GuerdonError, match="stride >= 1 and a window of at least 2"):
        RankDynamics(**fields)

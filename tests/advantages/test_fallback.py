import pytest
from hypothesis import given
from strategies import batches

from guerdon.advantages.fallback import Fallback
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def test_one_extreme_row_changes_its_group():
    columns = {"traj.advantage": [1.0, -5.0, 4.9, -1.0], "traj.plain_advantage": [0.1, 0.2, 0.3, 0.4]}
    batch = ragged([[0.0, 0.0], [], [0.0, 0.0]], columns=columns)
    assert Fallback()(batch)["traj.advantage"].tolist() == [0.1, 0.2, 4.9, -1.0]
    assert Fallback(limit=6.0)(batch)["traj.advantage"].tolist() == [1.0, -5.0, 4.9, -1.0]


@given(batch=batches(unscored=False))
def test_below_the_limit_nothing_happens(batch):
    columns = {"traj.advantage": batch["traj.reward"], "traj.plain_advantage": batch["traj.reward"] * 0}
    got = Fallback(limit=9.0)(batch.with_columns(columns))["traj.advantage"]
    assert got.tolist() == batch["traj.reward"].tolist()


def test_range():
    with pytest.raises(GuerdonError, match="limit must be positive, got 0"):
        Fallback(0.0)

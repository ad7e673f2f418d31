import pytest

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.overlong import OverlongPenalty


def test_golden():
    batch = ragged([[0] * 5], [70, 80, 90, 100, 0])
    penalty = OverlongPenalty(limit=100, buffer=20)(batch)["traj.reward/overlong"]
    assert penalty.tolist() == pytest.approx([0, 0, -0.5, -1, 0])
    assert OverlongPenalty(100, 20, factor=2.0)(batch)["traj.reward/overlong"].tolist()[2] == pytest.approx(-1)


def test_range():
    with pytest.raises(GuerdonError, match="needs 0 < buffer <= limit, got 200 and 100"):
        OverlongPenalty(limit=100, buffer=200)

import math

import pytest
from hypothesis import given
from shaping.components import NAN, combined, lost, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.shaping.extreme import Extreme


def test_by_hand():
    batch = rewards(a=[1.0, 0.0, NAN], b=[0.5, 2.0, 1.0])
    assert combined(Extreme(("a", "b")), batch) == pytest.approx([0.5, 0.0, NAN], nan_ok=True)
    assert combined(Extreme(("a", "b"), "max"), batch) == pytest.approx([1.0, 2.0, NAN], nan_ok=True)


@given(tables())
def test_least_and_most_add_up_to_the_sum(batch):
    least, most = combined(Extreme(("a", "b")), batch), combined(Extreme(("a", "b"), "max"), batch)
    total = (batch["traj.reward/a"] + batch["traj.reward/b"]).tolist()
    assert [x + y for x, y in zip(least, most, strict=True)] == pytest.approx(total, nan_ok=True)
    assert [math.isnan(x) for x in least] == lost(batch)


def test_refused():
    with pytest.raises(GuerdonError, match=r"of its own, got traj\.reward/b"):
        Extreme(("a", "b"), output="traj.reward/b")

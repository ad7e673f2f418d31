import math

import pytest
from hypothesis import given
from shaping.components import NAN, combined, lost, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.shaping.product import Product


def test_by_hand():
    batch = rewards(a=[2.0, -1.0, 0.0, 3.0], b=[8.0, 0.5, 5.0, NAN])
    assert combined(Product(("a", "b")), batch) == pytest.approx([16.0, -0.5, 0.0, NAN], nan_ok=True)
    assert combined(Product(("a", "b"), powers=(2.0, 1.0)), batch)[:3] == [32.0, 0.5, 0.0]
    batch = rewards(a=[4.0], b=[9.0])
    assert combined(Product(("a", "b"), powers=(0.5, 0.5), output="traj.both"), batch) == [6.0]


@given(tables())
def test_unscored_stays_unscored_and_order_does_not_matter(batch):
    one, other = combined(Product(("a", "b")), batch), combined(Product(("b", "a")), batch)
    assert one == pytest.approx(other, nan_ok=True)
    assert [math.isnan(value) for value in one] == lost(batch)


def test_refused():
    with pytest.raises(GuerdonError, match=r"name 1 or more different components, got \(\)"):
        Product(())
    with pytest.raises(GuerdonError, match="different components"):
        Product(("a", "a"))
    with pytest.raises(GuerdonError, match="one positive number per component, got"):
        Product(("a", "b"), powers=(1.0,))
    with pytest.raises(GuerdonError, match=r"column of its own, got traj\.reward/a, which is an input"):
        Product(("a",), output="traj.reward/a")
    with pytest.raises(GuerdonError, match="whole numbers where a component is negative"):
        Product(("a",), powers=(0.5,))(rewards(a=[-1.0]))

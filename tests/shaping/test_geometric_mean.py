import math

import pytest
from hypothesis import given
from shaping.components import NAN, combined, lost, rewards, tables

from guerdon.errors import GuerdonError
from guerdon.shaping.geometric_mean import GeometricMean

PAIRS = rewards(a=[2.0, -0.5, 0.5, 1.0, -1.0, NAN], b=[8.0, -0.5, -0.5, 0.0, 0.0, 1.0])


def test_the_papers_numbers():
    out = combined(GeometricMean(("a", "b")), PAIRS)
    assert out == pytest.approx([4.0, -0.5, -0.5, 0.0, 0.0, NAN], nan_ok=True)
    assert math.copysign(1.0, out[4]) == 1.0


def test_signs_may_be_multiplied_and_zeros_may_have_a_floor():
    out = combined(GeometricMean(("a", "b"), sign="product"), PAIRS)
    assert out == pytest.approx([4.0, 0.5, -0.5, 0.0, 0.0, NAN], nan_ok=True)
    out = combined(GeometricMean(("a", "b"), floor=0.25), PAIRS)
    assert out == pytest.approx([4.0, -0.5, -0.5, -0.5, -0.5, NAN], nan_ok=True)


def test_one_component_alone():
    assert combined(GeometricMean(("a",)), rewards(a=[0.3, -0.3, 0.0])) == pytest.approx([0.3, -0.3, 0.0])


@given(tables())
def test_it_is_never_larger_than_the_largest_and_unscored_where_a_part_is(batch):
    out = combined(GeometricMean(("a", "b")), batch)
    assert [math.isnan(value) for value in out] == lost(batch)
    sizes = zip(batch["traj.reward/a"].abs().tolist(), batch["traj.reward/b"].abs().tolist(), strict=True)
    for value, (a, b) in zip(out, sizes, strict=True):
        assert math.isnan(value) or min(a, b) - 1e-9 <= abs(value) <= max(a, b) + 1e-9


def test_refused():
    with pytest.raises(GuerdonError, match="floor must be at least 0, got -1"):
        GeometricMean(("a",), floor=-1.0)

import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.regression import HalfSquared, Linex, Regression, ShiftedCosh, Squared

ALL = (Squared(), HalfSquared(), ShiftedCosh(), Linex(), Linex(a=-0.5))


@pytest.mark.parametrize("g", ALL)
def test_zero_and_stationary_at_zero_and_positive_elsewhere(g: Regression):
    u = torch.tensor([0.0, -2.0, 0.3, 5.0], dtype=torch.float64, requires_grad=True)
    value = g(u)
    (slope,) = torch.autograd.grad(value.sum(), u)
    value = value.detach()
    assert float(value[0]) == 0.0 and float(slope[0]) == 0.0
    assert bool((value[1:] > 0).all())


def test_values_at_one():
    u = torch.tensor([1.0], dtype=torch.float64)
    assert float(Squared()(u)) == 1.0
    assert float(HalfSquared()(u)) == 0.5
    assert float(ShiftedCosh()(u)) == pytest.approx(math.e + 1 / math.e - 2, abs=1e-12)
    assert float(Linex()(u)) == pytest.approx(math.e - 2, abs=1e-12)
    assert float(Linex(a=2.0)(u)) == pytest.approx((math.e**2 - 3) / 4, abs=1e-12)


@pytest.mark.parametrize("g", ALL)
def test_large_residuals_stay_finite_in_float32(g: Regression):
    assert bool(g(torch.tensor([-1e4, 1e4])).isfinite().all())


def test_linex_needs_an_asymmetry():
    with pytest.raises(GuerdonError, match="HalfSquared"):
        Linex(a=0.0)

import math

import pytest

from guerdon.errors import GuerdonError
from guerdon.metrics.student import central_mass, quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),
    [(0.975, 1, 12.7062), (0.975, 2, 4.3027), (0.975, 4, 2.7764), (0.975, 9, 2.2622), (0.995, 7, 3.4995)],
)
def test_quantiles_are_those_of_the_tables(probability, freedom, value):
    assert quantile(probability, freedom) == pytest.approx(value, abs=1e-4)
    assert quantile(1 - probability, freedom) == -quantile(probability, freedom)


def test_one_and_two_degrees_have_closed_forms():
    for p in (0.6, 0.9, 0.9999):
        assert quantile(p, 1) == pytest.approx(math.tan(math.pi * (p - 0.5)))
        assert quantile(p, 2) == pytest.approx((2 * p - 1) * math.sqrt(2 / (4 * p * (1 - p))))


def test_it_tends_to_the_normal_quantile():
    assert quantile(0.975, 1999) == pytest.approx(1.95996, abs=3e-3)
    assert quantile(0.975, 2000) == pytest.approx(1.95996, abs=1e-5)


def test_all_mass_lies_somewhere():
    for freedom in range(1, 12):
        assert central_mass(math.pi / 2, freedom) == pytest.approx(1.0)
        assert central_mass(0.0, freedom) == 0.0


@pytest.mark.parametrize(("probability", "freedom"), [(0.0, 3), (1.0, 3), (0.5, 0)])
def test_what_has_no_quantile_is_refused(probability, freedom):
    with pytest.raises(GuerdonError, match="quantile needs"):
        quantile(probability, freedom)

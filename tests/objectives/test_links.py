import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objectives.links import HingeLink, Link, LogisticLink, SquaredLink


def value(link: Link, delta: float) -> float:
    return float(link(torch.tensor(delta, dtype=torch.float64)))


def slope(link: Link, delta: float) -> float:
    point = torch.tensor(delta, dtype=torch.float64, requires_grad=True)
    return float(torch.autograd.grad(link(point), point)[0])


def test_logistic():
    link = LogisticLink(beta=0.5)
    assert value(link, 0.0) == pytest.approx(math.log(2))
    assert value(link, 2.0) == pytest.approx(math.log(1 + math.exp(-1)))
    assert slope(link, 2.0) == pytest.approx(-0.5 / (1 + math.e))  # -beta sigma(-beta delta)
    assert value(link, -1e6) == pytest.approx(5e5)  # no overflow


def test_label_smoothing_has_a_finite_best_margin():
    link = LogisticLink(beta=0.1, label_smoothing=0.1)
    best = math.log(9) / 0.1  # 2.197 / beta
    assert slope(link, best) == pytest.approx(0.0, abs=1e-12)
    assert slope(link, best - 1) < 0 < slope(link, best + 1)


def test_hinge():
    link = HingeLink(beta=0.5)
    assert [value(link, delta) for delta in (0.0, 1.0, 3.0)] == [1.0, 0.5, 0.0]
    assert slope(link, 3.0) == 0.0 and slope(link, 0.0) == -0.5


def test_squared():
    link = SquaredLink(tau=0.25)  # target 2
    assert [value(link, delta) for delta in (0.0, 2.0, 5.0)] == [4.0, 0.0, 9.0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogisticLink(beta=0.0),
        lambda: LogisticLink(label_smoothing=0.5),
        lambda: HingeLink(beta=-1.0),
        lambda: SquaredLink(tau=0.0),
    ],
)
def test_values_without_a_meaning_are_refused(make):
    with pytest.raises(GuerdonError, match=r"beta|tau"):
        make()

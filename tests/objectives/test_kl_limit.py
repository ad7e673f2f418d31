import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.kl_limit import KLLimit
from guerdon.papers._bench import ragged


def loss_and_slope(piece, old, new, mask=None):
    logprob = torch.tensor(new, dtype=torch.float64, requires_grad=True)
    columns = {"token.old_logprob": old, **({"token.mask": mask} if mask else {})}
    batch = ragged([[0.0]], [len(old)], columns).with_columns({"token.logprob": logprob})
    objective = Objective(piece)
    loss, metrics = objective(objective.prepare(batch), {})
    if not loss.requires_grad:
        return float(loss), [0.0] * len(old), metrics
    (slope,) = torch.autograd.grad(loss, logprob)
    return float(loss.detach()), slope.tolist(), metrics


def test_above_the_limit():
    loss, slope, metrics = loss_and_slope(KLLimit(10.0, 0.1), [-1.0, -1.0], [-1.5, -1.1])
    # KL 0.3: coefficient 10 * 0.2 = 2.
    assert loss == pytest.approx(0.6) and slope == pytest.approx([-1, -1])
    assert metrics["old_kl"] == pytest.approx((0.6, 2))


def test_below_the_limit_nothing_happens():
    loss, slope, _ = loss_and_slope(KLLimit(10.0, 0.4), [-1.0, -1.0], [-1.5, -1.1])
    assert loss == 0 and slope == [0, 0]


def test_masked_rows_are_not_measured():
    loss, slope, _ = loss_and_slope(KLLimit(10.0, 0.1), [-1.0, -1.0], [-1.3, -9.0], [True, False])
    assert loss == pytest.approx(0.6) and slope == pytest.approx([-2, 0])


def test_range():
    with pytest.raises(GuerdonError, match="0 or more"):
        KLLimit(-1.0)

import math

import pytest
import torch

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.awr import ExpAdvantage
from guerdon.objectives.nll import NLL


def batch_of(advantage: list[float], logprob: torch.Tensor | None = None) -> Batch:
    each = torch.arange(len(advantage))
    columns = {"step.advantage": torch.tensor(advantage, dtype=torch.float64)}
    if logprob is not None:
        columns["step.logprob"] = logprob
    return Batch.build(columns, traj_of_step=each, group_of_traj=each)


def test_numbers_by_hand():
    weights = ExpAdvantage(beta=3.0)(batch_of([1.0, 0.0, -1.0, 2.0, 1e9, -1e9]))
    assert weights.tolist() == pytest.approx([math.exp(3), 1, math.exp(-3), 100, 100, 0])
    assert ExpAdvantage(beta=1.0, cap=2.0)(batch_of([0.5, 1.0])).tolist() == pytest.approx([math.exp(0.5), 2])


def test_with_a_likelihood_it_is_weighted_regression_and_at_beta_zero_cloning():
    logprob = torch.tensor([-1.0, -2.0], dtype=torch.float64, requires_grad=True)
    batch = batch_of([1.0, -1.0], logprob)

    def loss(*weights: ExpAdvantage) -> torch.Tensor:
        objective = Objective(NLL(), weights=weights)
        return objective(objective.prepare(batch), {})[0]

    weighted = loss(ExpAdvantage(beta=1.0))
    assert weighted.item() == pytest.approx((math.e * 1 + math.exp(-1) * 2) / 2)
    (gradient,) = torch.autograd.grad(weighted, logprob)
    assert gradient.tolist() == pytest.approx([-math.e / 2, -math.exp(-1) / 2])
    assert loss(ExpAdvantage(beta=0.0)).item() == pytest.approx(loss().item())


@pytest.mark.parametrize("fields", [{"beta": -1.0}, {"cap": 0.0}, {"beta": float("nan")}])
def test_fields_are_checked(fields):
    with pytest.raises(GuerdonError, match="ExpAdvantage needs beta >= 0 and cap > 0, got"):
        ExpAdvantage(**fields)

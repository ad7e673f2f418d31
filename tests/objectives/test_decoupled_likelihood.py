import math

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.decoupled_likelihood import DecoupledLikelihood
from guerdon.papers._bench import ragged


def run(piece, outcomes, lengths, means):
    flat = [outcome for group in outcomes for outcome in group]
    mean = torch.tensor(means, dtype=torch.float64, requires_grad=True)
    batch = ragged(outcomes, lengths, {"traj.reward/correct": flat})
    batch = batch.with_columns({"token.logprob": mean[batch.index("token", "traj")]})
    loss = piece(batch)
    (slope,) = torch.autograd.grad(loss.values.sum(), mean)
    return loss, slope.tolist(), batch


def test_value_and_slopes():
    loss, slope, _ = run(DecoupledLikelihood(10), [[1, 1, 0, 0]], [2, 6, 5, 9], [-1.0, -2.0, -3.0, -0.5])
    w = torch.tensor([8.0, 4.0], dtype=torch.float64).softmax(0).tolist()
    v = torch.tensor([-0.3, -0.05], dtype=torch.float64).softmax(0).tolist()
    assert slope == pytest.approx([-w[0], -w[1], *v], abs=1e-6)
    assert sum(slope) == pytest.approx(0, abs=1e-9)
    value = -(w[0] * -1 + w[1] * -2) + 10 * math.log(math.exp(-0.3) + math.exp(-0.05))
    assert loss.values.tolist() == pytest.approx([value], abs=1e-6)
    assert loss.level == "group" and loss.metrics["both_classes"].tolist() == [1]


def test_questions_without_both_classes_count_as_zero():
    outcomes = [[1, 1], [0, 0], [1, 0], [math.nan, 1]]
    loss, slope, batch = run(DecoupledLikelihood(10), outcomes, [1] * 8, [-1.0] * 5 + [-2.0] * 3)
    assert loss.values[[0, 1, 3]].tolist() == [0, 0, 0] and loss.values.tolist()[2] == pytest.approx(-1)
    assert slope == pytest.approx([0, 0, 0, 0, -1, 1, 0, 0])
    objective = Objective(DecoupledLikelihood(10))
    total, _ = objective(objective.prepare(batch), {})
    assert total.item() == pytest.approx(loss.values.sum().item() / 4)


def test_no_preference_and_a_sharp_one():
    _, slope, _ = run(DecoupledLikelihood(10, length_temperature=math.inf), [[1, 1, 0]], [1, 9, 3], [-1.0, -1.0, -1.0])
    assert slope == pytest.approx([-0.5, -0.5, 1])
    _, slope, _ = run(DecoupledLikelihood(10, length_temperature=1e-5), [[1, 1, 0]], [1, 9, 3], [-1.0, -1.0, -1.0])
    assert slope == pytest.approx([-1, 0, 1])


def test_a_response_without_actions_takes_no_part():
    _, slope, _ = run(DecoupledLikelihood(10), [[1, 1, 0]], [0, 4, 4], [-1.0, -1.0, -1.0])
    assert slope == pytest.approx([0, -1, 1])


def test_range():
    with pytest.raises(GuerdonError, match="positive max_length"):
        DecoupledLikelihood(0)

"""The all-action policy gradient."""

import pytest
import torch

from guerdon.batch import Batch
from guerdon.objectives.policy_value import PolicyValue


def test_value_and_gradient_by_hand():
    logits = torch.zeros(1, 2, dtype=torch.float64, requires_grad=True)
    q = torch.tensor([[[1.0, 5.0], [2.0, 4.0]]], dtype=torch.float64, requires_grad=True)
    each = torch.arange(1)
    columns = {"step.choice_logprob": logits.log_softmax(1), "step.choice_q": q}
    rows = PolicyValue(2.0)(Batch.build(columns, traj_of_step=each, group_of_traj=each))
    # The critics' minimum is (1, 4).
    assert rows.values.tolist() == [pytest.approx(-5.0)] and rows.metrics["policy_value"].tolist() == [2.5]
    rows.values.sum().backward()
    # d/dz_a sum pi Q = pi_a (Q_a - mean) = (-0.75, 0.75).
    assert logits.grad.tolist() == [pytest.approx([1.5, -1.5])] and q.grad is None

"""Conservative values, with and without a limit."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives.conservative import ConservativeQ


def batch_of(choice_q, q, reference, prob=None, grad=False):
    """``choice_q`` ``[n, choices]`` and ``q`` ``[n]`` of one critic."""
    table = torch.tensor(choice_q, dtype=torch.float64)
    prob = torch.full_like(table, 1 / table.shape[1]) if prob is None else torch.tensor(prob, dtype=torch.float64)
    each = torch.arange(len(q))
    columns = {
        "step.choice_q": table[:, None].requires_grad_(grad),
        "step.q": torch.tensor(q, dtype=torch.float64)[:, None],
        "step.choice_logprob": prob.log().requires_grad_(grad),
        "step.reference_value": torch.tensor(reference, dtype=torch.float64),
    }
    return Batch.build(columns, traj_of_step=each, group_of_traj=each)


BATCH = batch_of([[0.0, 1.0], [5.0, 5.0]], [1.0, 1.0], [2.0, 0.0])


def test_numbers_by_hand():
    assert float(ConservativeQ(1.0)(BATCH).values.mean()) == pytest.approx(2.5)
    assert float(ConservativeQ(1.0, reference=None)(BATCH).values.mean()) == pytest.approx(1.75)
    rows = ConservativeQ(4.0)(BATCH)
    assert rows.values.tolist() == pytest.approx([4.0, 16.0])
    assert rows.metrics["conservative/gap"].tolist() == pytest.approx([1.0, 4.0])
    soft = ConservativeQ(1.0, soft=True)(BATCH).values.tolist()
    assert soft == pytest.approx([1 + math.log(2), 4 + math.log(2)])
    assert "action.choice_logprob" not in ConservativeQ(soft=True).reads


def test_the_policy_weighs_the_alternatives_and_critics_are_averaged():
    batch = batch_of([[0.0, 4.0]], [0.0], [0.0], prob=[[0.75, 0.25]])
    assert ConservativeQ(1.0)(batch).values.tolist() == pytest.approx([1.0])
    two = {"step.choice_q": torch.tensor([[[0.0, 4.0], [8.0, 8.0]]]), "step.q": torch.tensor([[0.0, 1.0]])}
    assert ConservativeQ(1.0)(batch.with_columns(two)).values.tolist() == pytest.approx([(1 + 7) / 2])


def test_below_the_reference_nothing_is_pushed_and_the_policy_has_no_gradient():
    batch = batch_of([[0.0, 3.0]], [1.0], [2.0], grad=True)
    ConservativeQ(1.0)(batch).values.sum().backward()
    assert batch["step.choice_q"].grad.flatten().tolist() == [0.0, 0.5]
    assert batch["step.choice_logprob"].grad is None


@given(st.lists(st.lists(st.floats(-9, 9), min_size=3, max_size=3), min_size=1, max_size=4), st.floats(-9, 9))
def test_a_limit_only_raises_the_loss_and_a_low_one_is_none(table, reference):
    count = len(table)
    batch = batch_of(table, [0.0] * count, [reference] * count)
    for soft in (False, True):
        cal, cql = (ConservativeQ(1.0, name, soft)(batch).values for name in ("step.reference_value", None))
        assert bool((cal >= cql - 1e-9).all())
        low = batch.with_columns({"step.reference_value": torch.full((count,), -10.0)})
        torch.testing.assert_close(ConservativeQ(1.0, soft=soft)(low).values, cql)


def test_no_coefficient_is_no_term_and_a_negative_one_is_refused():
    assert not ConservativeQ(0.0)(BATCH).values.any()
    for bad in (-1.0, math.inf, math.nan):
        with pytest.raises(GuerdonError, match=r"ConservativeQ\.coef must be a finite number"):
            ConservativeQ(bad)

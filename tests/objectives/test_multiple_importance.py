import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.objective import Objective
from guerdon.objectives.by_origin import ByOrigin
from guerdon.objectives.multiple_importance import ExplorationWeight, MultipleImportance
from guerdon.objectives.ppo_clip import PPOClip
from guerdon.papers._bench import ragged


def rows(probability, old, advantage, sampled=(False,)):
    logprob = torch.tensor(probability, dtype=torch.float64).log().requires_grad_()
    columns = {"traj.advantage": [advantage], "traj.sampled": list(sampled)}
    batch = ragged([[0.0]], [len(probability)], columns)
    old_logprob = torch.tensor(old, dtype=torch.float64).log()
    return batch.with_columns({"token.logprob": logprob, "token.old_logprob": old_logprob}), logprob


def test_golden():
    batch, logprob = rows([0.5, 1.0, 1.0, 0.0], [0.5, 1.0, 0.0, 0.3], 1.0)
    values = MultipleImportance()(batch).values
    assert values.tolist() == pytest.approx([-0.8, -1, -4, 0])
    (slope,) = torch.autograd.grad(values[:3].sum(), logprob)
    assert slope[:3].tolist() == pytest.approx([-0.8, -1, -4])  # d r / d log p = r
    assert MultipleImportance(0.25)(batch).values[2].item() == pytest.approx(-16)


def test_the_exploration_weight_is_one_on_samples_and_has_no_gradient():
    objective = Objective(
        ByOrigin(PPOClip(None, None, dual_clip=None), MultipleImportance()), weights=(ExplorationWeight(),)
    )
    batch, logprob = rows([0.5], [0.5], 1.0)
    loss, _ = objective(objective.prepare(batch), {})
    assert loss.item() == pytest.approx(-math.sqrt(0.5) / 1.25)
    assert torch.autograd.grad(loss, logprob)[0].item() == pytest.approx(-0.8 * math.sqrt(0.5))
    batch, logprob = rows([0.5], [0.25], 3.0, (True,))
    loss, _ = objective(objective.prepare(batch), {})
    assert loss.item() == pytest.approx(-6)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 3))
def test_ratio_and_weight_are_bounded(probability, old, gamma):
    batch, _ = rows([probability], [old], -1.0)
    assert 0 <= MultipleImportance()(batch).values.item() <= 4 + 1e-9
    assert 0 <= float(ExplorationWeight(gamma)(batch)) <= 1 + 1e-9


def test_bad_fields():
    with pytest.raises(GuerdonError, match=r"MultipleImportance.certainty must lie in \(0, 1\], got 0"):
        MultipleImportance(0.0)
    with pytest.raises(GuerdonError, match=r"ExplorationWeight.gamma must be 0 or more, got -1"):
        ExplorationWeight(-1.0)

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.advantages.standardize import Standardize
from guerdon.advantages.whiten import Whiten
from guerdon.papers._bench import ragged


def whitened(values, lengths, piece=None, **columns):
    rewards = columns.pop("rewards", [0.0] * len(lengths))
    batch = ragged([rewards], lengths, {"token.advantage": values, **columns})
    return (piece or Whiten())(batch)["action.advantage"]


def test_golden():
    assert whitened([1, 2, 3], [2, 1]).tolist() == pytest.approx([-1, 0, 1])
    assert whitened([1, 2, 3], [2, 1], Whiten(center=False)).tolist() == pytest.approx([1, 2, 3])
    assert whitened([0, 4], [2], Whiten(center=False)).tolist() == pytest.approx([2 - 0.5**0.5, 2 + 0.5**0.5])


def test_degenerate_batches_give_zeros():
    assert whitened([7], [1]).tolist() == [0]
    assert whitened([0.1] * 5, [2, 3]).tolist() == [0] * 5
    assert whitened([], [0]).tolist() == []


def test_masked_and_unscored_rows_do_not_count():
    mask = [True, True, True, False, True]
    got = whitened([1, 2, 3, 50, 60], [3, 1, 1], rewards=[0.0, 0.0, math.nan], **{"action.mask": mask})
    assert got.tolist() == pytest.approx([-1, 0, 1, 0, 0])


def test_a_trajectory_advantage_counts_once_per_action():
    batch = ragged([[1, 0]], [3, 1])
    batch = batch.with_columns(Standardize(scale="none")(batch))
    spread = torch.tensor([0.5, 0.5, 0.5, -0.5], dtype=torch.float64)
    expected = (spread - spread.mean()) / spread.std()
    assert Whiten()(batch)["action.advantage"].tolist() == pytest.approx(expected.tolist())


@settings(deadline=None, max_examples=50)
@given(
    values=st.lists(st.integers(-50, 50), min_size=2, max_size=12),
    scale=st.floats(0.1, 10),
    shift=st.floats(-5, 5),
)
def test_unit_moments_and_declared_invariance(values, scale, shift):
    got = whitened(values, [len(values)])
    if len(set(values)) > 1:
        assert got.mean().item() == pytest.approx(0, abs=1e-9)
        assert got.var().item() == pytest.approx(1, abs=1e-6)
    moved = whitened([scale * value + shift for value in values], [len(values)])
    assert moved.tolist() == pytest.approx(got.tolist(), rel=1e-4, abs=1e-6)
    assert Whiten().invariant == {"shift", "scale"}
    assert Whiten(center=False).invariant == frozenset()


def test_a_trajectory_advantage_is_weighed_as_if_it_had_been_spread():
    mask = [True, False, True, True, False, True]
    batch = ragged([[1, 0], [math.nan, 3]], [2, 1, 1, 2], {"action.mask": mask})
    batch = batch.with_columns({"traj.advantage": torch.tensor([1.0, -2.0, 5.0, 0.5])})
    spread = batch.with_columns({"action.advantage": batch["action.advantage"]})
    for piece in (Whiten(), Whiten(center=False)):
        got, expected = (piece(each)["action.advantage"].tolist() for each in (batch, spread))
        assert got == pytest.approx(expected) and got[1] == got[3] == got[4] == 0


def test_half_a_million_actions_are_whitened_to_six_digits():
    values = torch.randn(2**19, generator=torch.Generator().manual_seed(0)) + 2
    batch = ragged([[0.0]], [2**19]).with_columns({"token.advantage": values})
    got = Whiten()(batch)["action.advantage"].double()
    exact = (values.double() - values.double().mean()) / values.double().std()
    assert float((got - exact).abs().max()) < 2e-6

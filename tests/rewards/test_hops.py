import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.rewards.hops import HopProgress, apply_hop, hop

UNIT = st.floats(0, 1, width=32)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def batch(lengths, near, start, goal):
    columns = {"step.hop": near, "step.hop_from_start": start, "step.hop_from_goal": goal}
    return batch_of([len(lengths)], lengths, columns=columns)


def test_hops_by_hand():
    # Half of what is left from .2 is .6; half of what was reached from .6 is .3; from the end nothing is left.
    got = hop(tensor(0.2, 0.6, 1.0, 0.0), tensor(0.6, 0.3, 1.0, 0.0))
    torch.testing.assert_close(got, tensor(0.5, -0.5, 0.0, 0.0))


@given(st.lists(st.tuples(UNIT, UNIT), min_size=1, max_size=8))
def test_a_hop_leads_where_it_was_measured_to(pairs):
    before, after = tensor(*[a for a, _ in pairs]), tensor(*[b for _, b in pairs])
    torch.testing.assert_close(apply_hop(before, hop(before, after)), after)


def test_fusion_by_hand_with_trajectories_apart():
    # First: I = .5, F = .2, B = .8 -> .5; then I = .25, F = .4, B = .1 -> .25. Second begins at 0 again.
    steps = batch([2, 0, 1], tensor(0.5, -0.5, 0.3), tensor(0.2, 0.4, 0.3), tensor(-0.2, -0.9, -0.7))
    got = HopProgress()(steps)
    torch.testing.assert_close(got["step.potential"], tensor(0.0, 0.5, 0.0))
    torch.testing.assert_close(got["step.next_potential"], tensor(0.5, 0.25, 0.3))


def test_a_gate_by_hand():
    # m = .5, D = .4 / .5, w = exp(-.64): w / 2 ((.5 - 0) + (.5 - 0)).
    got = HopProgress(alpha=1.0)(batch([1], tensor(0.5), tensor(0.3), tensor(-0.3)))["step.next_potential"]
    assert float(got[0]) == pytest.approx(0.5 * math.exp(-0.64), abs=1e-6)


def test_what_cannot_be_read_is_no_hop_and_bad_answers_are_cut():
    nan = math.nan
    got = HopProgress()(batch([2], tensor(nan, 0.5), tensor(nan, 9.0), tensor(nan, -9.0)))["step.next_potential"]
    torch.testing.assert_close(got, tensor(0.0, 0.5))


def test_no_steps_and_bad_settings():
    empty = HopProgress()(batch([0], tensor(), tensor(), tensor()))
    assert empty["step.potential"].shape == (0,)
    with pytest.raises(GuerdonError, match=r"HopProgress\.alpha must be at least 0"):
        HopProgress(alpha=-1.0)

"""Log entropies against their quantile."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.credit.log_entropy import LogEntropy
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged

E = math.e


def scaled(piece, entropy, mask=None):
    columns = {"token.old_entropy": entropy, **({} if mask is None else {"token.mask": mask})}
    return piece(ragged([[0.0]], [len(entropy)], columns))["action.log_entropy"].tolist()


def test_by_hand():
    # Logs -4, -2, 0, 1, 2; rank round(0.5 * 4) = 2 is zero; 2 above and 4 below scale to one.
    entropy = [E**-4, E**-2, 1.0, E, E**2]
    assert scaled(LogEntropy(0.5), entropy) == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert scaled(LogEntropy(0.5, mirrored=True), entropy) == pytest.approx([1, 0.5, 0, 0.5, 1])


def test_a_floor_and_equal_entropies():
    assert scaled(LogEntropy(1.0, floor=E**-2), [0.0, 1.0]) == pytest.approx([-1, 0])
    assert scaled(LogEntropy(), [0.3] * 4) == [0.0] * 4
    assert scaled(LogEntropy(), [0.3]) == [0.0]
    assert scaled(LogEntropy(), []) == []


def test_what_is_not_trained_has_no_say():
    got = scaled(LogEntropy(1.0), [E**9, 1.0, E**-3, E**-9], [False, True, True, False])
    assert got == pytest.approx([0, 0, -1, 0])


@given(st.lists(st.floats(1e-6, 5), min_size=2, max_size=12), st.floats(0, 1))
def test_order_range_and_scale(entropy, quantile):
    got = scaled(LogEntropy(quantile), entropy)
    assert all(-1 <= value <= 1 for value in got)
    assert all(got[a] <= got[b] for a in range(len(got)) for b in range(len(got)) if entropy[a] <= entropy[b])
    powered = scaled(LogEntropy(quantile, floor=1e-30), [value**2 for value in entropy])
    assert powered == pytest.approx(got, abs=1e-6)


def test_it_equals_the_form_with_a_root_mean_square():
    entropy = torch.tensor([0.02, 0.4, 1.1, 0.9, 1.6, 0.003], dtype=torch.float64)
    y = entropy.log() - entropy.log().sort().values[round(0.8 * 5)]
    y = y / y.square().mean().sqrt()
    expected = torch.where(y > 0, y / y.max(), y / -y.min())
    assert scaled(LogEntropy(), entropy.tolist()) == pytest.approx(expected.tolist())


def test_ranges():
    with pytest.raises(GuerdonError, match=r"quantile in 0\.\.1"):
        LogEntropy(1.2)

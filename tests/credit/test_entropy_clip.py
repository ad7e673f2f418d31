import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.credit.entropy_clip import EntropyClip
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def clips(piece, levels):
    got = piece(ragged([[0.0]], [len(levels)], {"token.log_entropy": levels}))
    return torch.stack([torch.as_tensor(got[f"action.clip_{side}"]) for side in ("low", "high")], 1)


def test_by_hand():
    got = clips(EntropyClip(0.2, 0.3, alpha=0.5), [-1.0, 0.0, 0.5])
    torch.testing.assert_close(got, torch.tensor([[0.3, 0.3], [0.2, 0.3], [0.2, 0.375]], dtype=torch.float64))


@given(st.lists(st.floats(-1, 1), max_size=8))
def test_only_one_side_widens(levels):
    got = clips(EntropyClip(), levels)
    assert bool((got >= 0.2 - 1e-12).all()) and bool((got.min(1).values <= 0.2 + 1e-12).all())


def test_ranges():
    with pytest.raises(GuerdonError, match="alpha of 0 or more"):
        EntropyClip(alpha=-1.0)

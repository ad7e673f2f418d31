"""Frames and the observations they are taken for."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from guerdon.errors import GuerdonError
from guerdon.rewards.frame_match import match_frames


def test_by_hand():
    library = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 0.0]])
    found = match_frames(torch.tensor([[5.0, 0.1], [-1.0, 0.0], [2.0, 2.0]]), library)
    # Row 3 points where row 0 does: the first counts. Nothing points to the left; the least opposed is upright.
    assert found.index.tolist() == [0, 1, 2] and found.distinct == 3
    assert found.similarity.tolist() == pytest.approx([5 / math.hypot(5, 0.1), 0.0, 1.0], abs=1e-6)


@given(st.integers(0, 1000), st.integers(1, 12))
def test_blocks_change_nothing(seed, rows):
    generator = torch.Generator().manual_seed(seed)
    frames, library = torch.randn((4, 3), generator=generator), torch.randn((11, 3), generator=generator)
    whole, parts = match_frames(frames, library), match_frames(frames, library, rows)
    assert torch.equal(whole.index, parts.index)
    torch.testing.assert_close(whole.similarity, parts.similarity)


def test_bad_input():
    library = torch.eye(2)
    for frames in (torch.zeros(0, 2), torch.ones(1, 3)):
        with pytest.raises(GuerdonError, match="features of one length"):
            match_frames(frames, library)
    with pytest.raises(GuerdonError, match="frames must be finite and not 0"):
        match_frames(torch.zeros(1, 2), library)
    with pytest.raises(GuerdonError, match="observations must be finite and not 0; row 1"):
        match_frames(library, torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
    with pytest.raises(GuerdonError, match="frames must be finite and not 0; row 0"):
        match_frames(torch.tensor([[math.nan, 0.0]]), library)

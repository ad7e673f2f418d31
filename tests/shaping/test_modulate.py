import math

import pytest
import torch

from guerdon.papers._bench import ragged
from guerdon.shaping.modulate import Modulate


def modulated(piece, **components):
    columns = {f"traj.reward/{name}": values for name, values in components.items()}
    rows = len(next(iter(components.values())))
    return torch.as_tensor(piece(ragged([[0.0] * rows], columns=columns))[piece.column]).tolist()


def test_golden():
    correct, consistency = [1.0, 1.0, 0.0, 1.0, math.nan], [1.0, -1.0, 1.0, math.nan, 1.0]
    got = modulated(Modulate(), correct=correct, consistency=consistency)
    assert got == pytest.approx([1.5, 0.5, 0, 1, math.nan], nan_ok=True)


def test_columns_of_choice():
    piece = Modulate(2.0, "traj.reward/a", "traj.reward/b")
    assert (piece.reads, piece.writes) == (("traj.reward/a", "traj.reward/b"), ("traj.reward/a",))
    assert modulated(piece, a=[3.0], b=[0.5]) == [6]

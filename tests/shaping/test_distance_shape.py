import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import batch_of

from guerdon.errors import GuerdonError
from guerdon.shaping.distance_shape import DistanceShape


def shaped(piece, distances, column="traj.distance"):
    rows = torch.tensor(distances, dtype=torch.float64)
    batch = batch_of([len(distances)], columns={column: rows})
    return piece(batch)[piece.output].tolist()


def test_by_hand():
    assert shaped(DistanceShape(), [0.0, 2.0, math.nan]) == pytest.approx([1.0, math.exp(-1), math.nan], nan_ok=True)
    piece = DistanceShape("step.gap", scale=2.0, dispersion=3.0, density=0.5, output="step.reward/gap")
    assert shaped(piece, [12.0], "step.gap") == pytest.approx([math.exp(-0.5 * 12 / 6) ** 2])


@given(st.lists(st.floats(0, 50), min_size=2, max_size=5, unique_by=lambda x: round(x, 3)))
def test_it_falls_with_the_distance(distances):
    out = shaped(DistanceShape(), sorted(distances))
    assert out == sorted(out, reverse=True) and len(set(out)) == len(out)
    assert all(0 < value <= 1 for value in out)


def test_refused():
    with pytest.raises(GuerdonError, match="needs positive scale"):
        DistanceShape(density=0.0)
    with pytest.raises(GuerdonError, match=r"another column of the same level, got step\.a and traj\.b"):
        DistanceShape("step.a", output="traj.b")
    with pytest.raises(GuerdonError, match="at least 0, got -1"):
        shaped(DistanceShape(), [-1.0])

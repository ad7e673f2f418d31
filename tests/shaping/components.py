"""Batches of named reward components, and random ones for properties of the pieces that combine them."""

import math
from typing import Any

import torch
from hypothesis import strategies as st

from guerdon.batch import Batch
from guerdon.piece import Transform

NAN = math.nan


def rewards(**components: list[float]) -> Batch:
    """One group; a trajectory per number."""
    size = len(next(iter(components.values())))
    columns = {f"traj.reward/{name}": torch.tensor(values, dtype=torch.float64) for name, values in components.items()}
    return Batch.build(columns, traj_of_step=torch.arange(size), group_of_traj=torch.zeros(size, dtype=torch.int64))


def combined(piece: Transform, batch: Batch, state: Any = None) -> list[float]:
    """The only column that a piece writes, which must be the one it declares; its inputs stay as they are."""
    out = piece(batch) if state is None else piece(batch, state)
    assert tuple(out) == tuple(piece.writes) and len(out) == 1
    assert not set(piece.writes) & set(piece.reads)
    return next(iter(out.values())).tolist()  # type: ignore[union-attr]


@st.composite
def tables(draw: Any, names: str = "ab", low: float = -2.0, high: float = 2.0) -> Batch:
    """0 to 6 trajectories with components, some of them unscored."""
    number = st.one_of(st.just(NAN), st.sampled_from([0.0, 1.0]), st.floats(low, high).map(lambda x: round(x, 3)))
    size = draw(st.integers(0, 6))
    return rewards(**{name: draw(st.lists(number, min_size=size, max_size=size)) for name in names})


def lost(batch: Batch, names: str = "ab") -> list[bool]:
    """Where any component is unscored."""
    return torch.stack([batch[f"traj.reward/{name}"].isnan() for name in names]).any(0).tolist()

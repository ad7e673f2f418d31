import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guerdon.credit.top_quantile import TopQuantile
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def batch_of(entropies: list[float]):
    return ragged([[0.0]], [len(entropies)], {"token.old_entropy": entropies})


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(0, 10), min_size=1, max_size=30), st.floats(0.01, 1.0))
def test_it_keeps_what_lies_above_numpys_quantile(entropies: list[float], share: float) -> None:
    top = TopQuantile(share)(batch_of(entropies))["action.top"]
    threshold = np.quantile(np.array(entropies), 1 - share)
    values = np.array(entropies)
    # Interpolated thresholds may differ in the last bit from numpy's.
    sure = np.abs(values - threshold) > 1e-9
    assert (np.array(top.tolist()) == (values >= threshold))[sure].all() and bool(top.any())


def test_highest_and_lowest_parts_split_the_batch() -> None:
    batch = batch_of([float(h) for h in (3, 8, 0, 5, 9, 1, 7, 2, 6, 4)])
    highest = TopQuantile(0.2)(batch)["action.top"]
    lowest = TopQuantile(0.8, lowest=True)(batch)["action.top"]
    assert bool((highest ^ lowest).all()) and batch["token.old_entropy"][highest].tolist() == [8.0, 9.0]


def test_ties_empty_batches_and_masks() -> None:
    assert TopQuantile(0.2)(batch_of([1.0] * 5))["action.top"].all()
    assert TopQuantile(0.2)(batch_of([]))["action.top"].shape == (0,)
    masked = batch_of([9.0, 1.0, 2.0]).with_columns({"action.mask": torch.tensor([False, True, True])})
    assert TopQuantile(0.5)(masked)["action.top"].tolist() == [False, False, True]
    with pytest.raises(GuerdonError, match=r"share must lie in \(0, 1\]"):
        TopQuantile(0.0)

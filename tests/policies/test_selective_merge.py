import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.policies.selective_merge import merge_largest

BASE = {"a": torch.tensor([1.0, 1.0]), "b": torch.tensor([[1.0]]), "steps": torch.tensor(3)}
TUNED = {"a": torch.tensor([1.5, 0.0]), "b": torch.tensor([[3.0]]), "steps": torch.tensor(9)}


def test_the_threshold_is_that_of_the_whole_network():
    got = merge_largest(BASE, TUNED, 2 / 3)
    assert got["a"].tolist() == [1, 0] and got["b"].tolist() == [[3]] and int(got["steps"]) == 9
    assert merge_largest(BASE, TUNED, 1 / 3, scale=0.5)["b"].tolist() == [[2]]


def test_ends():
    assert merge_largest(BASE, TUNED, 0.0)["b"].tolist() == [[1]]
    assert torch.equal(merge_largest(BASE, TUNED, 1.0)["a"], TUNED["a"])


def test_refusals():
    with pytest.raises(GuerdonError, match="same names and shapes"):
        merge_largest(BASE, {"a": BASE["a"]}, 0.5)
    with pytest.raises(GuerdonError, match=r"must lie in \[0, 1\], got 2"):
        merge_largest(BASE, TUNED, 2)

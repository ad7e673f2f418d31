import math

import pytest
import torch

from guerdon.advantages.gae import GAE
from guerdon.advantages.return_to_go import ReturnToGo
from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged


def test_return_to_go_is_gae_without_a_critic():
    rewards, lengths = [1, 2, 4, 8, 16], [2, 3]
    batch = ragged([[0, 0]], lengths, {"token.reward": rewards})
    out = ReturnToGo(0.5)(batch)
    assert out["action.advantage"].tolist() == [2, 2, 12, 16, 16]
    assert out["action.return"].tolist() == [2, 2, 12, 16, 16]
    batch = batch.with_columns({"token.old_value": torch.zeros(5, dtype=torch.float64)})
    assert GAE(0.5, 1.0)(batch)["action.advantage"].tolist() == out["action.advantage"].tolist()


def test_return_to_go_of_unscored_and_integer_rewards():
    batch = ragged([[0, 0]], [1, 2], {"token.reward": [math.nan, 1.0, 1.0]})
    assert ReturnToGo()(batch)["action.advantage"].tolist() == [0, 2, 1]
    batch = ragged([[0]], [2], {"token.reward": torch.tensor([1, 1])})
    assert ReturnToGo()(batch)["action.advantage"].tolist() == [2, 1]


def test_return_to_go_range():
    with pytest.raises(GuerdonError, match=r"ReturnToGo.discount must lie in \[0, 1\], got 2"):
        ReturnToGo(2.0)

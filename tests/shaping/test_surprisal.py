import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.papers._bench import ragged
from guerdon.shaping.surprisal import Surprisal


def test_golden():
    columns = {"token.prior_logprob": [-1.0, -2.0, -4.0, -8.0], "token.id": torch.tensor([1, 9, 2, 3])}
    batch = ragged([[1, 0, 1]], [3, 0, 1], columns)
    assert Surprisal(0.5)(batch)["traj.reward/surprisal"].tolist() == pytest.approx([-3.5, 0, -4])
    assert Surprisal(0.5, (9,))(batch)["traj.reward/surprisal"].tolist() == pytest.approx([-0.5, 0, -4])


def test_range():
    with pytest.raises(GuerdonError, match="0 or more, got -1"):
        Surprisal(-1)

import pytest
import torch

from guerdon.errors import GuerdonError
from guerdon.metrics.transfer import transfer


def test_golden():
    found = transfer(torch.tensor([[0.9, 0.2], [0.8, 0.7]]), torch.tensor([0.5, 0.3]))
    torch.testing.assert_close(found.gain, torch.tensor([[0.4, -0.1], [0.3, 0.4]]))
    torch.testing.assert_close(found.mean, torch.tensor([0.15, 0.35]))
    torch.testing.assert_close(found.worst, torch.tensor([-0.1, 0.3]))


def test_shapes():
    with pytest.raises(GuerdonError, match=r"got \(2, 2\) and \(3,\)"):
        transfer(torch.zeros(2, 2), torch.zeros(3))

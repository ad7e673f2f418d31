import pytest
import torch
from torch import nn

from guerdon.errors import GuerdonError
from guerdon.policies.steering import steered, steering_vector


def test_direction():
    concise, verbose = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    assert steering_vector(concise, verbose).tolist() == [2, -2]
    with pytest.raises(GuerdonError, match="at least one state of each kind, got 0 concise and 2 verbose"):
        steering_vector(concise[:0], verbose)


def test_a_layer_is_steered_inside_the_context_only():
    layer, states = nn.Linear(2, 3), torch.randn(4, 5, 2)
    vector = torch.tensor([2.0, -2.0])
    plain = layer(states)
    with steered(layer, vector, 0.5):
        assert torch.allclose(layer(states), layer.weight @ torch.tensor([1.0, -1.0]) + plain, atol=1e-6)
    assert torch.equal(layer(states), plain)
    with steered(layer, vector, 0.0):
        assert torch.equal(layer(states), plain)

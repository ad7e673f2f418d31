import math

import torch
from torch import nn

from guerdon.policies.perceptron import perceptron
from guerdon.rng import Stream


def test_layers_and_their_scales():
    network = perceptron([4, 8, 8, 2], "relu", 0.5, Stream((0,)))
    kinds = [type(layer) for layer in network]
    assert kinds == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    weights = [layer.weight.detach() for layer in network if isinstance(layer, nn.Linear)]
    for weight, gain in zip(weights[1:], [math.sqrt(2), 0.5], strict=True):
        torch.testing.assert_close(weight @ weight.T, gain**2 * torch.eye(len(weight)), atol=1e-5, rtol=0)
    assert not any(bool(layer.bias.any()) for layer in network if isinstance(layer, nn.Linear))


def test_gain_zero_starts_at_zero():
    assert not bool(perceptron([3, 5, 2], "tanh", 0.0, Stream((0,)))(torch.ones(1, 3)).any())


def test_the_stream_alone_decides():
    def weight(seed: int) -> torch.Tensor:
        return next(perceptron([3, 4, 2], "tanh", 1.0, Stream((seed,))).parameters())

    first = weight(0)
    torch.manual_seed(123)
    assert torch.equal(weight(0), first) and not torch.equal(weight(1), first)

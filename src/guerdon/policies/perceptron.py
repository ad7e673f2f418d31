"""Multi-layer perceptrons whose weights come from a stream, so that equal seeds give equal networks.

Maths
    ``x <- activation(W x + b)`` per hidden layer; weights orthogonal with gain sqrt 2, the last layer's with ``gain``
    (0: the output is 0 at first); biases 0.
Reads
    Nothing.
Deviations
    None.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import nn

from guerdon.rng import Stream

Activation = Literal["tanh", "relu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


def perceptron(sizes: Sequence[int], activation: Activation, gain: float, stream: Stream) -> nn.Sequential:
    """Layers ``sizes[0] -> ... -> sizes[-1]``; no activation after the last."""
    generator, last = stream.generator(), len(sizes) - 2
    layers: list[Any] = []
    for number, (width, out) in enumerate(pairwise(sizes)):
        # The usual constructor would draw the weights from torch's global generator.
        layer: Any = torch.nn.utils.skip_init(nn.Linear, width, out)
        nn.init.orthogonal_(layer.weight, gain if number == last else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer] if number == last else [layer, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers)

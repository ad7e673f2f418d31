"""Activation steering: a fixed direction added to a layer's hidden states (self_efficiency).

Idea
    Concise and verbose solutions of the same prompt differ along a direction; walking along it shortens what is
    decoded, without training.
Maths
    ``v = mean h(concise) - mean h(verbose)`` at one layer; decode with ``h <- h + strength v`` at every position.
Reads
    Hidden states of the two sets; any torch module whose first input is the hidden state.
Deviations
    Recalled. Strength 0 leaves the numbers as they are, bit for bit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from guerdon.errors import GuerdonError


def steering_vector(concise: Tensor, verbose: Tensor) -> Tensor:
    """``[H]`` from hidden states ``[n, H]`` and ``[m, H]``.

    Raises:
        GuerdonError: if one of them is empty.
    """
    if not len(concise) or not len(verbose):
        raise GuerdonError(
            f"steering needs at least one state of each kind, got {len(concise)} concise and {len(verbose)} verbose"
        )
    return concise.mean(0) - verbose.mean(0)


@contextmanager
def steered(layer: nn.Module, vector: Tensor, strength: float) -> Iterator[None]:
    """Add ``strength * vector`` to the first input of ``layer`` while inside, at every call.

    Args:
        layer: a decoder layer, or the norm before the head; its first input is ``[..., H]``.
        vector: ``[H]``.
        strength: how far to walk; about -2 to 2.
    """

    def shift(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        first, *rest = inputs
        return (first if strength == 0 else first + (strength * vector).to(first), *rest)

    handle = layer.register_forward_pre_hook(shift)
    try:
        yield
    finally:
        handle.remove()

"""Keep only the largest changes that training made to a network (dler).

Idea
    A length-trained network has forgotten a little; most of the small changes are not needed for what it learned.
Maths
    ``theta = base + scale * delta`` at the ``fraction`` of all entries with the largest ``|delta|``, else ``base``, with
    ``delta = tuned - base``.
Reads
    Two state dicts with the same entries.
Deviations
    Recalled. One threshold for the whole network; ties at it are kept.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from guerdon.errors import GuerdonError


def merge_largest(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], fraction: float, scale: float = 1.0
) -> dict[str, Tensor]:
    """The merged state dict, shapes as given; entries that are no floats are taken from ``tuned``.

    Raises:
        GuerdonError: if the two do not have the same entries, or ``fraction`` is not in [0, 1].
    """
    if set(base) != set(tuned) or any(base[name].shape != tuned[name].shape for name in base):
        raise GuerdonError("merging needs two state dicts with the same names and shapes; they differ")
    if not 0 <= fraction <= 1:
        raise GuerdonError(f"the fraction of entries to keep must lie in [0, 1], got {fraction}")
    floats = [name for name in base if base[name].is_floating_point()]
    deltas = {name: tuned[name] - base[name] for name in floats}
    sizes = torch.cat([delta.abs().flatten().double() for delta in deltas.values()] or [torch.zeros(0)])
    count = round(fraction * len(sizes))
    limit = float(sizes.sort(descending=True).values[count - 1]) if count else float("inf")
    merged = {name: tuned[name].clone() for name in base}
    for name, delta in deltas.items():
        kept = delta.abs().double() >= limit
        merged[name] = base[name] + torch.where(kept, scale * delta, torch.zeros_like(delta))
    return merged

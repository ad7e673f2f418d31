"""Who learns what from which data: the transfer matrix of training sets and domains (multi_domain).

Maths
    ``M[train set, domain] = accuracy after training - accuracy of the start model``; per training set the mean gain and the
    gain on the worst domain.
Reads
    Accuracies of finished runs; nothing of a batch.
Deviations
    None.
"""

from dataclasses import dataclass

from torch import Tensor

from guerdon.errors import GuerdonError


@dataclass(frozen=True)
class Transfer:
    """Gains over the start model."""

    gain: Tensor
    """``[train sets, domains]``."""

    @property
    def mean(self) -> Tensor:
        """Mean gain over the domains, ``[train sets]``."""
        return self.gain.mean(1)

    @property
    def worst(self) -> Tensor:
        """Gain on the domain that gained least, ``[train sets]``."""
        return self.gain.min(1).values


def transfer(after: Tensor, before: Tensor) -> Transfer:
    """The transfer matrix of accuracies ``after`` ``[train sets, domains]`` and ``before`` ``[domains]``.

    Raises:
        GuerdonError: if the shapes do not fit together.
    """
    if after.dim() != 2 or before.shape != after.shape[1:] or not after.numel():
        raise GuerdonError(
            f"transfer needs accuracies [train sets, domains] and [domains], got {tuple(after.shape)} and "
            f"{tuple(before.shape)}"
        )
    return Transfer(after - before)

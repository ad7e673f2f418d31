"""Policy gradient on the choice of a mode: which format of its pretraining a policy concentrates on (echo).

Maths
    Softmax over modes with success probabilities a_m: ``dz_m = eta p_m (a_m - sum_j p_j a_j)``. Share and accuracy both
    count, so the most accurate mode can lose for long to a much more frequent one.
Reads
    Initial shares and accuracies.
Deviations
    Derived for the dossier, not taken from the paper. Euler steps of size eta; accuracies do not change.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from guerdon.errors import GuerdonError


def mode_flow(shares: Sequence[float], accuracies: Sequence[float], eta: float, steps: int) -> Tensor:
    """Shares of the modes after each step, ``[steps + 1, modes]`` float64, the initial ones first.

    Raises:
        GuerdonError: unless there is a positive share and an accuracy for every mode.
    """
    if len(shares) != len(accuracies) or not shares or min(shares) <= 0:
        raise GuerdonError(
            f"mode_flow needs a positive share and an accuracy per mode, got {list(shares)} and {list(accuracies)}"
        )
    logits = torch.tensor(shares, dtype=torch.float64).log()
    accuracy = torch.tensor(accuracies, dtype=torch.float64)
    path = [logits.softmax(0)]
    for _ in range(steps):
        p = path[-1]
        logits = logits + eta * p * (accuracy - (p * accuracy).sum())
        path.append(logits.softmax(0))
    return torch.stack(path)

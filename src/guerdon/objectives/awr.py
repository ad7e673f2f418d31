"""Advantage-weighted regression: imitate an action the more, the better it was than the state's value.

Idea
    The policy that maximises advantage under a KL penalty towards the data is the data reweighted by exp(beta A);
    fitting it by maximum likelihood asks about no action outside the data. As a *weight* it goes with any
    likelihood: with none it is behaviour cloning, and so it is at beta = 0.
Maths
    ``w = min(exp(beta A), cap)``; with the surrogate ``-log pi(a | s)`` the loss is ``-w log pi(a | s)``
    (Peng et al., 2019; Kostrikov et al., 2021, eq. 7 with CORL's cap).
Reads
    ``action.advantage``, from whatever wrote it: ``Q - V`` for IQL and AWAC, returns minus V for AWR.
Deviations
    Not normalised over the batch (d3rlpy takes a softmax, CORL does not). AWR's temperature is 1 / beta.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Weight


@dataclass(frozen=True)
class ExpAdvantage(Weight):
    """``min(exp(beta A), cap)`` per action, without gradient."""

    beta: float = 3.0
    """Inverse temperature; 0 is behaviour cloning, infinity the best action of the data."""
    cap: float = 100.0
    """Largest weight; the exponential is taken first, then capped."""

    reads = ("action.advantage",)

    def __post_init__(self) -> None:
        if not self.beta >= 0 or not self.cap > 0:
            raise GuerdonError(f"ExpAdvantage needs beta >= 0 and cap > 0, got beta={self.beta} and cap={self.cap}")

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``."""
        # Capping the exponent gives the same number and cannot overflow.
        return (self.beta * batch["action.advantage"].detach()).clamp(max=math.log(self.cap)).exp()

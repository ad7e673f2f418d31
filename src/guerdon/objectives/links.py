"""Links: how the log-ratio difference of a preference pair becomes a loss.

Maths
    delta = u_chosen - u_rejected, where u is a response's log-prob relative to the reference.
    logistic  -(1 - s) log sigma(beta delta) - s log sigma(-beta delta)   (DPO; s > 0: cDPO)
    hinge     max(0, 1 - beta delta)                                      (TRL's ``hinge``)
    squared   (delta - 1 / (2 tau))^2                                     (IPO)
Reads
    delta of any shape.
Deviations
    None. TRL's ``ipo`` divides each log-ratio by its length first; that is ``PairwisePreference.per_token``.
"""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from guerdon.errors import GuerdonError
from guerdon.piece import Piece


class Link(Piece):
    """Elementwise loss of a margin that ought to be large (or to reach a target)."""

    @abstractmethod
    def __call__(self, delta: Tensor) -> Tensor:
        """Loss of each pair, same shape."""


@dataclass(frozen=True)
class LogisticLink(Link):
    """``-(1 - s) log sigma(beta delta) - s log sigma(-beta delta)``."""

    beta: float = 0.1
    """Weight of the KL constraint that is implied; the optimum is ref exp(r / beta) / Z."""
    label_smoothing: float = 0.0
    """s: probability that a label is wrong; above 0 the best margin is finite, log((1 - s)/s)/beta."""

    def __post_init__(self) -> None:
        if not self.beta > 0 or not 0 <= self.label_smoothing < 0.5:
            raise GuerdonError(f"LogisticLink needs beta > 0 and label_smoothing in [0, 0.5), got {self}")

    def __call__(self, delta: Tensor) -> Tensor:
        """Same shape as ``delta``."""
        margin = self.beta * delta
        return -(1 - self.label_smoothing) * F.logsigmoid(margin) - self.label_smoothing * F.logsigmoid(-margin)


@dataclass(frozen=True)
class HingeLink(Link):
    """``max(0, 1 - beta delta)``: no gradient once the margin is reached."""

    beta: float = 0.1
    """1 / beta is the margin wanted."""

    def __post_init__(self) -> None:
        if not self.beta > 0:
            raise GuerdonError(f"HingeLink.beta must be positive, got {self.beta}")

    def __call__(self, delta: Tensor) -> Tensor:
        """Same shape as ``delta``."""
        return F.relu(1 - self.beta * delta)


@dataclass(frozen=True)
class SquaredLink(Link):
    """``(delta - 1 / (2 tau))^2``: regression to a constant margin."""

    tau: float = 0.1
    """1 / (2 tau) is the margin wanted."""

    def __post_init__(self) -> None:
        if not self.tau > 0:
            raise GuerdonError(f"SquaredLink.tau must be positive, got {self.tau}")

    def __call__(self, delta: Tensor) -> Tensor:
        """Same shape as ``delta``."""
        return (delta - 1 / (2 * self.tau)) ** 2

"""Regression losses g(u) of a residual that ought to be 0: what a balance or a regression objective is made of.

Maths
    squared u^2;  half squared u^2/2;  shifted cosh e^u + e^-u - 2;  linex (e^{a u} - a u - 1)/a^2.
    All have g(0) = g'(0) = 0. For flows the choice decides which way the policy errs while it is imperfect: squared
    is mode-seeking, linex with a = 1 covers modes, shifted cosh does both (Hu et al. 2024, "Beyond Squared Error").
Reads
    A residual of any shape.
Deviations
    None; exponents are clamped to [-80, 80] as in torchgfn, so float32 does not overflow.
"""

from abc import abstractmethod
from dataclasses import dataclass

from torch import Tensor

from guerdon.errors import GuerdonError
from guerdon.piece import Piece

LARGEST_EXPONENT = 80.0


class Regression(Piece):
    """Elementwise g(u) >= 0 with g(0) = 0."""

    @abstractmethod
    def __call__(self, residual: Tensor) -> Tensor:
        """``g(residual)``, same shape."""


@dataclass(frozen=True)
class Squared(Regression):
    """``u^2``."""

    def __call__(self, residual: Tensor) -> Tensor:
        """Same shape as ``residual``."""
        return residual * residual


@dataclass(frozen=True)
class HalfSquared(Regression):
    """``u^2 / 2``."""

    def __call__(self, residual: Tensor) -> Tensor:
        """Same shape as ``residual``."""
        return 0.5 * residual * residual


@dataclass(frozen=True)
class ShiftedCosh(Regression):
    """``e^u + e^-u - 2``: like u^2 near 0, exponential far away."""

    def __call__(self, residual: Tensor) -> Tensor:
        """Same shape as ``residual``."""
        bounded = residual.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT)
        return bounded.exp() + (-bounded).exp() - 2


@dataclass(frozen=True)
class Linex(Regression):
    """``(e^{a u} - a u - 1) / a^2``: exponential on one side, linear on the other."""

    a: float = 1.0
    """Asymmetry: positive punishes u > 0 (too much flow) exponentially."""

    def __post_init__(self) -> None:
        if self.a == 0:
            raise GuerdonError("Linex.a must not be 0, got 0; use HalfSquared, which is its limit")

    def __call__(self, residual: Tensor) -> Tensor:
        """Same shape as ``residual``."""
        scaled = self.a * residual
        return (scaled.clamp(-LARGEST_EXPONENT, LARGEST_EXPONENT).exp() - scaled - 1) / self.a**2

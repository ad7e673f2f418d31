"""Distributions over actions: a choice among alternatives, and a real vector.

Idea
    The two methods that policies need besides sampling, log-probability and entropy, with one generator for noise
    so that what is drawn follows from the stream alone.
Maths
    Categorical: ``log pi(a) = z_a - logsumexp z``, ``H = -sum pi log pi``.
    Gaussian: ``log pi(a) = sum_d [-(a_d - mu_d)^2 / (2 s_d^2) - log s_d - log(2 pi) / 2]``, ``H = sum_d [log s_d +
    (1 + log 2 pi) / 2]``.
Deviations
    The Gaussian is over unbounded vectors; the environment clips them (``ClipAction``), the density does not.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Categorical:
    """``n`` choices among ``logits.shape[1]`` alternatives."""

    logits: Tensor
    """``[n, alternatives]``."""

    def logprob(self, action: Tensor) -> Tensor:
        """Of int64 choices ``[n]``, ``[n]``."""
        return self.logits.log_softmax(-1).gather(-1, action[:, None])[:, 0]

    def entropy(self) -> Tensor:
        """In nats, ``[n]``."""
        logprobs = self.logits.log_softmax(-1)
        return -(logprobs.exp() * logprobs).sum(-1)

    def sample(self, generator: torch.Generator) -> Tensor:
        """int64 choices ``[n]``."""
        return torch.multinomial(self.logits.softmax(-1), 1, generator=generator)[:, 0]

    def mode(self) -> Tensor:
        """The likeliest alternative, the first of several, ``[n]``."""
        return self.logits.argmax(-1)


@dataclass(frozen=True)
class DiagonalGaussian:
    """``n`` real vectors with independent entries."""

    mean: Tensor
    """``[n, size]``."""
    log_std: Tensor
    """Broadcasts against the mean."""

    def logprob(self, action: Tensor) -> Tensor:
        """Of vectors ``[n, size]``, ``[n]``."""
        scaled = (action - self.mean) * (-self.log_std).exp()
        return (-0.5 * scaled**2 - self.log_std - 0.5 * math.log(2 * math.pi)).sum(-1)

    def entropy(self) -> Tensor:
        """In nats, ``[n]``."""
        return (self.log_std.expand_as(self.mean) + 0.5 * (1 + math.log(2 * math.pi))).sum(-1)

    def sample(self, generator: torch.Generator) -> Tensor:
        """Vectors ``[n, size]``."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return self.mean + self.log_std.exp() * noise

    def mode(self) -> Tensor:
        """The mean, ``[n, size]``."""
        return self.mean


Distribution = Categorical | DiagonalGaussian

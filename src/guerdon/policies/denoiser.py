"""A small diffusion model whose denoising steps are actions with exact log-probs.

Idea
    Predict the noise in x_t; a reverse step is then a Gaussian around a known mean, so a policy gradient applies to
    it as to any other action (Black et al. 2023, "Training Diffusion Models with Reinforcement Learning").
Maths
    x_k = sqrt(abar_k) x_0 + sqrt(1 - abar_k) eps.  DDIM step from k to s = k - 1 (Song et al. 2021, eq. 12 and 16):
    x0 = (x_k - sqrt(1 - abar_k) eps) / sqrt(abar_k);  std = eta sqrt((1 - abar_s)/(1 - abar_k) (1 - abar_k/abar_s));
    mean = sqrt(abar_s) x0 + sqrt(1 - abar_s - std^2) eps;  x_s ~ N(mean, std^2 I).
    log p(x_s | x_k) is the *mean* over dimensions of the Gaussian log-densities: this sets the scale of ratio clips.
Reads
    ``action.observation`` (x_k), ``action.time`` (k), ``action.action`` (x_s, for log-probs), ``group.problem_id``.
Deviations
    The schedule is the linear one of DDPM in its continuous limit, log abar(u) = -(b0 u + (b1 - b0) u^2 / 2) at
    u = k/K, so that the number of steps can be small. abar_0 = 1: the last step has std 0 and is no action.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Policy, PolicySpec
from guerdon.policies.perceptron import perceptron
from guerdon.rng import Stream

FREQUENCIES = 4


def ddim_step(x: Tensor, noise: Tensor, abar: Tensor, next_abar: Tensor, eta: float) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the reverse step from signal level ``abar`` to ``next_abar``.

    ``x`` and ``noise`` are ``[n, dim]``, the levels ``[n, 1]``; so are the results, in this order.
    """
    clean = (x - (1 - abar).sqrt() * noise) / abar.sqrt()
    std = eta * ((1 - next_abar) / (1 - abar) * (1 - abar / next_abar)).sqrt()
    mean = next_abar.sqrt() * clean + (1 - next_abar - std**2).clamp(min=0).sqrt() * noise
    return mean, std


def gaussian_logprob(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Mean over dimensions of log N(x; mean, std^2), ``[n]``."""
    return (-((x - mean) ** 2) / (2 * std**2) - std.log() - 0.5 * math.log(2 * math.pi)).mean(1)


class DenoiserPolicy(Policy):
    """Noise prediction by a perceptron on (x_k, features of k/K, one-hot prompt)."""

    unit = "action"
    provides = frozenset({"action.logprob", "action.noise_prediction"})

    def __init__(self, network: nn.Module, abar: Tensor, dimension: int, problems: int, eta: float) -> None:
        """``abar``: signal levels ``[K + 1]``, falling from 1."""
        super().__init__()
        self.network, self.dimension, self.problems, self.eta = network, dimension, problems, eta
        self.abar: Tensor
        self.register_buffer("abar", abar)

    @property
    def steps(self) -> int:
        """K: the last time, where nearly everything is noise."""
        return len(self.abar) - 1

    def noise(self, x: Tensor, time: Tensor, problem: Tensor) -> Tensor:
        """Predicted noise in ``x`` ``[n, dim]`` at times ``[n]`` for prompt numbers ``[n]``."""
        angle = time[:, None] / self.steps * math.pi * 2.0 ** torch.arange(-1, FREQUENCIES - 1, device=x.device)
        prompt = nn.functional.one_hot(problem, self.problems)
        return self.network(torch.cat([x, angle.cos().to(x), angle.sin().to(x), prompt.to(x)], 1))

    def noised(self, clean: Tensor, time: Tensor, noise: Tensor) -> Tensor:
        """x_k from x_0 ``[n, dim]``, times ``[n]`` and standard Gaussian noise ``[n, dim]``."""
        abar = self.abar[time][:, None]
        return abar.sqrt() * clean + (1 - abar).sqrt() * noise

    def transition(self, x: Tensor, time: Tensor, problem: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``[n, dim]`` and standard deviation ``[n, 1]`` of the step from ``time`` to ``time - 1``."""
        return self._step(x, time, self.noise(x, time, problem))

    def _step(self, x: Tensor, time: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        return ddim_step(x, noise, self.abar[time][:, None], self.abar[time - 1][:, None], self.eta)

    def evaluate(self, batch: Batch, wants: frozenset[str]) -> dict[str, Tensor]:
        """``action.noise_prediction`` ``[action, dim]`` and ``action.logprob`` of the steps taken."""
        x, time = batch["action.observation"], batch["action.time"]
        noise = self.noise(x, time, batch["action.problem_id"])
        out = {"action.noise_prediction": noise} if "action.noise_prediction" in wants else {}
        if "action.logprob" in wants:
            mean, std = self._step(x, time, noise)
            out["action.logprob"] = gaussian_logprob(batch["action.action"], mean, std)
        return out


@dataclass(frozen=True)
class Denoiser(PolicySpec):
    """A noise-predicting perceptron for low-dimensional data, sampled by DDIM steps with noise ``eta``."""

    hidden: tuple[int, ...] = (64, 64)
    """Widths of the hidden layers."""
    steps: int = 20
    """K: denoising steps."""
    eta: float = 1.0
    """Noise of a step: 1 is DDPM's posterior, towards 0 it becomes deterministic and has no log-prob."""
    beta_start: float = 0.1
    """b0: rate at which noise is added at the data's end."""
    beta_end: float = 20.0
    """b1: rate at which noise is added at the noise's end."""

    provides = frozenset({"action.logprob", "action.noise_prediction"})

    def __post_init__(self) -> None:
        if not 0 < self.eta <= 1:
            raise GuerdonError(f"Denoiser.eta must lie in (0, 1], got {self.eta}; a step without noise has no log-prob")
        if self.steps < 2 or not 0 < self.beta_start <= self.beta_end:
            raise GuerdonError(f"Denoiser needs steps >= 2 and 0 < beta_start <= beta_end, got {self}")

    def build(self, task: Any, wants: frozenset[str], stream: Stream) -> DenoiserPolicy:
        """A model of ``task.dimension`` numbers and ``task.size("train")`` prompts; it predicts about 0 at first."""
        problems = task.size("train")
        u = torch.arange(self.steps + 1) / self.steps
        abar = torch.exp(-(self.beta_start * u + (self.beta_end - self.beta_start) * u**2 / 2))
        width = task.dimension + 2 * FREQUENCIES + problems
        network = perceptron([width, *self.hidden, task.dimension], "tanh", 0.01, stream)
        return DenoiserPolicy(network, abar, task.dimension, problems, self.eta)

"""Rewards from a few demonstrations: their steps, the features that tell the steps apart, and how likely each step is.

Idea
    A task has steps nobody has labelled. They are where the features of demonstrations change; few features are enough
    to recognise each; and being in a later step is worth more (perceptual_rewards).
Maths
    Segmentation: ``argmin sum_g sum_d SS_d(X[t_g : t_g+1])``, exactly, over demonstrations aligned by time. Features of
    step g: the M largest ``z_d = alpha |mu+_d - mu-_d| - (sigma+_d + sigma-_d)``, + its frames, - all others.
    ``R_g(s) = mean over the M of log N(s_d; mu+_d, sigma+_d)``, not below ``floor``; ``R(s) = sum_{g >= 2} 2^(g-1) R_g(s)``
    divided by ``2^n - 2``.
Reads
    ``step.features``, activations of any frozen network.
Deviations
    The paper's segmentation is a recursive split; this one is the optimum. The floor and the division, which keeps the
    scale when n changes, are not in the paper.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

SMALLEST_SIGMA = 1e-3


def segment_steps(demos: Sequence[Tensor], steps: int, shortest: int = 2) -> list[int]:
    """First frame of each step: the cut of aligned demonstrations ``[T, D]`` with the least spread inside its steps.

    Raises:
        GuerdonError: if they differ in length, or are too short for so many steps.
    """
    length = len(demos[0]) if demos else 0
    if any(len(demo) != length for demo in demos) or steps < 1 or length < steps * shortest:
        raise GuerdonError(
            f"segmentation into {steps} steps needs demonstrations of one length of at least {steps * shortest} frames, "
            f"got lengths {sorted({len(demo) for demo in demos})}"
        )
    cost = _spread(torch.stack([demo.double() for demo in demos]))
    # best[g][t]: least spread of the first t frames in g steps; came[g][t]: where the last of them begins.
    best = [torch.full((length + 1,), torch.inf, dtype=torch.float64) for _ in range(steps + 1)]
    best[0][0], came = 0.0, [[0] * (length + 1) for _ in range(steps + 1)]
    for g in range(1, steps + 1):
        for end in range(g * shortest, length + 1):
            totals = best[g - 1][: end - shortest + 1] + cost[: end - shortest + 1, end]
            least = int(totals.argmin())
            best[g][end], came[g][end] = totals[least], least
    cuts, end = [], length
    for g in range(steps, 0, -1):
        end = came[g][end]
        cuts.append(end)
    return cuts[::-1]


def _spread(frames: Tensor) -> Tensor:
    """Sum of squares about the mean of all frames from i up to j, over demonstrations ``[K, T, D]``: ``[T, T + 1]``."""
    demos, length, _ = frames.shape
    zero = frames.new_zeros(1, frames.shape[2])
    sums = torch.cat([zero, frames.sum(0).cumsum(0)])
    squares = torch.cat([zero, frames.square().sum(0).cumsum(0)])
    count = demos * (torch.arange(length + 1) - torch.arange(length)[:, None]).clamp(min=1)[..., None]
    total = sums[None] - sums[:-1, None]
    return ((squares[None] - squares[:-1, None]) - total.square() / count).sum(2)


@dataclass(frozen=True)
class StepModel:
    """What recognises the steps: for each, the chosen features with mean and spread, ``[n, M]``."""

    features: Tensor
    mean: Tensor
    sigma: Tensor

    def log_likelihood(self, frames: Tensor, floor: float) -> Tensor:
        """``R_g`` of frames ``[B, D]``: ``[B, n]``."""
        chosen = frames[:, self.features].to(self.mean)
        normal = torch.distributions.Normal(self.mean, self.sigma, validate_args=False)
        return normal.log_prob(chosen).mean(2).clamp(min=floor)


def recognize(demos: Sequence[Tensor], cuts: Sequence[int], top: int, alpha: float = 5.0) -> StepModel:
    """Choose ``top`` features per step and fit them."""
    frames, step = torch.cat([demo.double() for demo in demos]), torch.zeros(len(demos[0]), dtype=torch.int64)
    step[list(cuts[1:])] = 1
    step = step.cumsum(0).repeat(len(demos))
    features, means, sigmas = [], [], []
    for g in range(len(cuts)):
        inside, outside = frames[step == g], frames[step != g]
        mean, sigma = inside.mean(0), inside.std(0, correction=0)
        z = alpha * (mean - outside.mean(0)).abs() - (sigma + outside.std(0, correction=0)) if len(outside) else -sigma
        chosen = z.topk(min(top, frames.shape[1])).indices
        features.append(chosen)
        means.append(mean[chosen])
        sigmas.append(sigma[chosen].clamp(min=SMALLEST_SIGMA))
    return StepModel(torch.stack(features), torch.stack(means), torch.stack(sigmas))


def combined(likelihood: Tensor) -> Tensor:
    """``sum_{g >= 2} 2^(g-1) R_g / (2^n - 2)`` of ``[B, n]``: ``[B]``."""
    steps = likelihood.shape[1]
    weights = 2.0 ** torch.arange(steps, dtype=likelihood.dtype, device=likelihood.device)
    weights[0] = 0
    return likelihood @ weights / (2**steps - 2)


class Recognizer(nn.Module):
    """A fitted ``StepModel`` that moves with the run."""

    def __init__(self, model: StepModel) -> None:
        super().__init__()
        self.features: Tensor
        self.mean: Tensor
        self.sigma: Tensor
        for name in ("features", "mean", "sigma"):
            self.register_buffer(name, getattr(model, name))


@dataclass(frozen=True)
class PerceptualReward(Transform):
    """``step.reward``: how likely each later step of the demonstrations is, the latest weighing most."""

    demos: str
    """A safetensors file with the demonstrations' features, one tensor ``[T, D]`` each, of one length."""
    steps: int = 3
    """n: steps of the task, the start included."""
    top: int = 32
    """M: features per step."""
    alpha: float = 5.0
    """Weight of the distance of the means against the spreads in the choice of features."""
    floor: float = -20.0
    """Smallest mean log-likelihood."""

    reads = ("step.features",)
    writes = ("step.reward",)

    def __post_init__(self) -> None:
        if self.steps < 2 or self.top < 1:
            raise GuerdonError(f"PerceptualReward needs steps >= 2 and top >= 1, got {self.steps} and {self.top}")

    def init_state(self) -> Recognizer:
        """Fit the demonstrations.

        Raises:
            GuerdonError: if the file cannot be read, or its demonstrations are too short.
        """
        from safetensors.torch import load_file

        try:
            demos = list(load_file(self.demos).values())
        except Exception as error:
            raise GuerdonError(
                f"PerceptualReward.demos must be a safetensors file, got {self.demos}: {error}"
            ) from None
        return Recognizer(recognize(demos, segment_steps(demos, self.steps), self.top, self.alpha))

    def __call__(self, batch: Batch, state: Recognizer | None = None) -> Mapping[str, Column]:
        """``step.reward``, ``[step]``."""
        assert state is not None
        model = StepModel(state.features, state.mean, state.sigma)
        reward = combined(model.log_likelihood(batch["step.features"], self.floor))
        return {"step.reward": reward.to(torch.get_default_dtype())}

"""The gradient mask of PPO's clip, apart from the surrogate (minirl; MiniMax's unified form).

Idea
    Where PPO's clip is active its gradient is 0. As a weight of its own the mask can stand beside any surrogate and any
    importance weight, and look at another ratio than they do.
Maths
    0 where ``A > 0 and rho > 1 + clip_high`` or ``A < 0 and rho < 1 - clip_low``, else 1; ``rho = pi / pi_old``.
    With ``Reinforce`` and the weight ``current / old`` the gradient is that of ``PPOClip`` without dual clip.
Reads
    ``action.advantage``, ``action.logprob``, ``action.old_logprob``.
Deviations
    None.
"""

from dataclasses import dataclass

from torch import Tensor

from guerdon.batch import Batch
from guerdon.objectives import ratio as ratios
from guerdon.piece import Weight


@dataclass(frozen=True)
class ClipMask(Weight):
    """0 where the ratio has left ``[1 - clip_low, 1 + clip_high]`` in the advantage's direction, else 1."""

    clip_low: float = 0.2
    """How far below 1 the ratio may go where A < 0."""
    clip_high: float = 0.2
    """How far above 1 the ratio may go where A > 0."""
    ratio: ratios.Level = "token"
    """Whose ratio: each action's own, or the trajectory's."""
    log_ratio_bounds: ratios.Bounds = (-20.0, 20.0)
    """Log ratios are clamped to these before exp; None leaves an end open."""

    reads = ("action.advantage", "action.logprob", "action.old_logprob")
    clips_ratio = True

    @property
    def unit(self) -> str:
        """A trajectory's ratio needs all of its actions."""
        return ratios.unit(self.ratio)

    def __call__(self, batch: Batch) -> Tensor:
        """Weights ``[action]``, 0 or 1."""
        advantage, logprob = batch["action.advantage"], batch["action.logprob"].detach()
        ratio = ratios.ratio(batch, logprob, batch["action.old_logprob"], self.ratio, self.log_ratio_bounds)
        too_far = ((advantage > 0) & (ratio > 1 + self.clip_high)) | ((advantage < 0) & (ratio < 1 - self.clip_low))
        return (~too_far).to(logprob.dtype)

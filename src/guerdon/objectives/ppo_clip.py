"""The clipped policy-gradient surrogate (baseline-ppo; also GRPO, DAPO, GSPO and RLOO by its fields).

Idea
    Follow the importance-weighted policy gradient until an action's ratio has left a band in the direction that its
    advantage asks for.
Maths
    ``l = max(-A rho, -A clip(rho, 1 - clip_low, 1 + clip_high))``; dual clip: where A < 0 also ``l <= -A c``.
    The ratio is taken per action (PPO), per response as a geometric mean (GSPO), or per response (RLOO).
Reads
    ``action.advantage`` (or another column), ``action.logprob``, ``action.old_logprob``; ``action.mask`` if present.
Deviations
    None. verl bounds log ratios by +-20 (its GSPO: at most 10) and uses dual clip c = 3, DAPO's recipes c = 10; TRL
    bounds nothing, and its ``delta`` is the same number as c.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.objectives import ratio as ratios
from guerdon.objectives.aggregation import of_trained
from guerdon.piece import RowLoss, Term


@dataclass(frozen=True)
class PPOClip(Term):
    """``max(-A rho, -A clip(rho, 1 - clip_low, 1 + clip_high))``, for A < 0 at most ``-A dual_clip``."""

    clip_low: float | str | None = 0.2
    """How far below 1 the ratio may go, a column that says so per action, or None for no limit."""
    clip_high: float | str | None = 0.2
    """How far above 1 the ratio may go, a column that says so per action, or None for no limit."""
    dual_clip: float | None = 3.0
    """c: largest ratio that counts where A < 0 (verl's ``clip_ratio_c``, TRL's ``delta``); None: no limit."""
    ratio: ratios.Level = "token"
    """Whose ratio: each action's own, or the trajectory's as a geometric mean (``sequence``, ``sequence_token``)
    or as the product over its actions (``sequence_sum``)."""
    log_ratio_bounds: ratios.Bounds = (-20.0, 20.0)
    """Log ratios are clamped to these before exp; None leaves an end open (TRL: both)."""
    advantage: str = "action.advantage"
    """Column of the advantages: a second surrogate of the same actions has advantages, and metrics, of its own name."""

    def __post_init__(self) -> None:
        for name in ("clip_low", "clip_high"):
            if isinstance(value := getattr(self, name), (int, float)) and value < 0:
                raise GuerdonError(f"PPOClip.{name} must be 0 or more, got {value}; it is a distance from 1")
        high = self.clip_high if isinstance(self.clip_high, (int, float)) else 0.0
        if self.dual_clip is not None and self.dual_clip <= 1 + high:
            raise GuerdonError(
                f"PPOClip.dual_clip must exceed 1 + clip_high = {1 + high:g}, got {self.dual_clip}; it is a ratio"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Advantage, log-probs and the clip columns, if there are any."""
        columns = (name for name in (self.clip_low, self.clip_high) if isinstance(name, str))
        return (self.advantage, "action.logprob", "action.old_logprob", *columns)

    @property
    def clips_ratio(self) -> bool:
        """Whether any limit is set, so that ratios other than 1 matter."""
        return (self.clip_low, self.clip_high, self.dual_clip) != (None, None, None)

    @property
    def moot(self) -> str:
        """A limit that no ratio reaches."""
        if isinstance(self.clip_low, int | float) and self.clip_low >= 1:
            return f"never limits small ratios: 1 - clip_low is {1 - self.clip_low:g}, and ratios are above 0"
        return ""

    @property
    def repeats_response(self) -> bool:
        """Whether the ratio, and so the loss, is that of the response."""
        return self.ratio != "token"

    @property
    def unit(self) -> str:
        """A trajectory's ratio needs all of its actions."""
        return ratios.unit(self.ratio)

    def __call__(self, batch: Batch, state: object = None) -> RowLoss:
        """Losses ``[action]``; metrics over the trained actions: share clipped, and KL from the old policy (k3)."""
        name = split_name(self.advantage)[1]
        advantage, logprob, old = batch[f"action.{name}"], batch["action.logprob"], batch["action.old_logprob"]
        ratio = ratios.ratio(batch, logprob, old, self.ratio, self.log_ratio_bounds)
        low, high = _limit(batch, self.clip_low), _limit(batch, self.clip_high)
        clipped = ratio if low is None else ratio.clamp(min=1 - low)
        clipped = clipped if high is None else clipped.clamp(max=1 + high)
        cost = -advantage
        plain, limited = cost * ratio, cost * clipped
        losses = torch.maximum(plain, limited)
        if self.dual_clip is not None:
            losses = torch.where(cost > 0, torch.minimum(losses, cost * self.dual_clip), losses)
        with torch.no_grad():
            back = (old - logprob).clamp(-20, 20)
            metrics = {"clip_fraction": losses != plain, "old_kl": torch.exp(-back) - 1 + back}
            ending = "" if name == "advantage" else f"/{name}"
            metrics = {key + ending: of_trained(batch, value).float() for key, value in metrics.items()}
        return RowLoss("action", losses, metrics)


def _limit(batch: Batch, limit: float | str | None) -> Tensor | float | None:
    """A distance from 1: a number, or a column read per action."""
    return batch[f"action.{split_name(limit)[1]}"] if isinstance(limit, str) else limit

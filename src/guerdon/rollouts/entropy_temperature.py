"""Sampling hotter where the policy is undecided and cooler where it is sure (hapo).

Maths
    ``T = T0 (1 + tau h)`` with h the token's log entropy on the scale of the previous rollout (``credit/log_entropy.py``);
    the first rollout has no scale and T = T0.
Reads
    The logits of each token, before the temperature.
Deviations
    None. The released code measures h with the wrong sign on the lower side (``mirrored``), so it samples hotter at the
    surest tokens, too.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guerdon.credit.log_entropy import log_scale, on_scale
from guerdon.errors import GuerdonError
from guerdon.piece import Piece


class EntropyScale(nn.Module):
    """Zero and ends of the log entropies of the last rollout; NaN before the first."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((3,), torch.nan))
        self.pending: list[Tensor] = []

    def note(self, entropy: Tensor) -> None:
        """Keep entropies ``[n]`` of sampled tokens for ``learn``."""
        self.pending.append(entropy.detach().cpu())


@dataclass(frozen=True)
class EntropyTemperature(Piece):
    """``T = T0 (1 + tau h)`` per token."""

    tau: float = 0.05
    """How far the temperature goes up and down, as a share."""
    quantile: float = 0.8
    """The share of tokens that count as sure."""
    floor: float = 1e-8
    """Smallest entropy before the logarithm."""
    mirrored: bool = False
    """Heat sure tokens like undecided ones, as the released code does."""

    def __post_init__(self) -> None:
        if not 0 <= self.tau < 1 or not 0 <= self.quantile <= 1 or not self.floor > 0:
            raise GuerdonError(
                f"EntropyTemperature needs tau in [0, 1), a quantile in 0..1 and a positive floor, got {self}"
            )

    def init_state(self) -> EntropyScale:
        """No scale yet."""
        return EntropyScale()

    def temperature(self, logits: Tensor, base: float, state: EntropyScale, alive: Tensor | None = None) -> Tensor:
        """Temperatures ``[rows]`` for logits ``[rows, vocab]``; notes the entropies of the rows that are ``alive``."""
        logprobs = logits.float().log_softmax(-1)
        # exp(-inf) (-inf) would be NaN for tokens that a model rules out.
        entropy = -(logprobs.exp() * logprobs.clamp(min=-1e30)).sum(-1)
        state.note(entropy if alive is None else entropy[alive])
        base_row = torch.full_like(entropy, base)
        if bool(state.scale.isnan().any()):
            return base_row
        return base_row * (1 + self.tau * on_scale(entropy, state.scale.to(entropy.device), self.floor, self.mirrored))

    def learn(self, state: EntropyScale) -> None:
        """Set the scale for the next rollout from what was noted in this one."""
        seen = torch.cat(state.pending) if state.pending else torch.zeros(0)
        state.pending.clear()
        if len(seen):
            state.scale.copy_(log_scale(seen, self.quantile, self.floor))

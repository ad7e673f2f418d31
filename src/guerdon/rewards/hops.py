"""Progress rebuilt from relative hops between states, as three anchors see it (robo_dopamine).

Idea
    A model that says how far one state is ahead of another, as a share of what is left, can be asked from the state
    before, from the start and from the goal. Each answer gives a progress; where start and goal disagree none is
    trusted.
Maths
    ``H(p, q) = (Phi_q - Phi_p) / (1 - Phi_p)`` forward, ``(Phi_q - Phi_p) / Phi_p`` backward, 0 where that is 0 / 0.
    ``I = Phi* + (1 - Phi*) H`` for H >= 0, ``Phi* + Phi* H`` else;  ``F = H(s_0, s)``;  ``B = 1 + H(goal, s)``.
    Mean: ``Phi*' = (I + F + B) / 3``. Gated: ``m = (F + B) / 2``, ``D = |B - F| / (m + eps)``, ``w = exp(-alpha D^2)``,
    ``Phi*' = Phi* + w / 2 ((m - Phi*) + (I - Phi*))``. ``Phi*_0 = 0``.
Reads
    ``step.hop``, ``step.hop_from_start``, ``step.hop_from_goal``: H of the state after the step.
Deviations
    F and B are cut to [0, 1], which the released script does not do. A hop that could not be read (NaN) counts as 0 from the
    state before; from the start or from the goal it takes I instead. The potential depends on the history.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform

EPS = 1e-8


def hop(before: Tensor, after: Tensor) -> Tensor:
    """H between two progresses: the share of what is left, or of what is lost."""
    room = torch.where(after >= before, 1 - before, before)
    return torch.where(room > 0, (after - before) / torch.where(room > 0, room, 1.0), 0.0)


def apply_hop(before: Tensor, by: Tensor) -> Tensor:
    """The progress after a hop."""
    return before + torch.where(by >= 0, 1 - before, before) * by


@dataclass(frozen=True)
class HopProgress(Transform):
    """``Phi*`` of the state before and after every step."""

    alpha: float | None = None
    """How strongly disagreement closes the gate; None: the plain mean of the three."""

    reads = ("step.hop", "step.hop_from_start", "step.hop_from_goal")
    writes = ("step.potential", "step.next_potential")

    def __post_init__(self) -> None:
        if self.alpha is not None and not self.alpha >= 0:
            raise GuerdonError(f"HopProgress.alpha must be at least 0, or None for the plain mean, got {self.alpha}")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """Both potentials, ``[step]``, in [0, 1]."""
        index, size = batch.index("step", "traj"), batch.size("traj")
        place = segment.position(index, size)
        near, start, goal = (batch[name] for name in self.reads)
        now, following = torch.zeros_like(near), torch.zeros_like(near)
        progress = near.new_zeros(size)
        for moment in range(int(place.max()) + 1 if len(place) else 0):
            rows = (place == moment).nonzero()[:, 0]
            before = progress[index[rows]]
            after = self.fused(before, near[rows].nan_to_num(0.0).clamp(-1, 1), start[rows], 1 + goal[rows])
            now[rows], following[rows] = before, after
            progress = progress.index_copy(0, index[rows], after)
        return {"step.potential": now, "step.next_potential": following}

    def fused(self, before: Tensor, near: Tensor, forward: Tensor, backward: Tensor) -> Tensor:
        """The next progress from the last one, H of the step, F and B, each ``[n]``."""
        near = apply_hop(before, near)
        forward = torch.where(forward.isnan(), near, forward.clamp(0, 1))
        backward = torch.where(backward.isnan(), near, backward.clamp(0, 1))
        if self.alpha is None:
            return (near + forward + backward) / 3
        middle = (forward + backward) / 2
        weight = (-self.alpha * ((backward - forward) / (middle + EPS)) ** 2).exp()
        return before + weight / 2 * ((middle - before) + (near - before))

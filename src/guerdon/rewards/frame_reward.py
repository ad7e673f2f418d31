"""A reward from what a model says about frames: which of two is later, how far along, finished or not (lrm).

Idea
    Three questions about frames that videos of successes answer by their own time order make a reward at every step, for
    any task that there are videos of.
Maths
    ``r_t = order c_t + progress (p_t - p_{t-k}) + completion 1[first t with P(done) >= threshold]``, asked at every k-th
    step, 0 between. ``c_t`` is the verdict on (o_{t-k}, o_t), and 0 where asking the other way round does not give its
    opposite.
Reads
    ``step.order``, ``step.progress``, ``step.done_probability``; ``step.order_swapped`` if asked for.
Deviations
    Weights, k and the swap rule are ours (abstract only). An answer that could not be read (NaN) counts as nothing, for
    that step and for the one that compares with it. The verdicts make no potential: going forth and back pays 1 - gamma.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


def ordered_pairs(length: int, gap: int, exact: bool = False) -> list[tuple[int, int, int]]:
    """(i, j, sign(j - i)) for frames at least ``gap`` apart (``exact``: just as far), both ways round.

    Raises:
        GuerdonError: if a video is too short for a pair.
    """
    if gap < 1 or length <= gap:
        raise GuerdonError(f"ordered_pairs needs gap >= 1 and more frames than the gap, got {length} frames, gap {gap}")
    distance = [(i, j, abs(j - i)) for i in range(length) for j in range(length)]
    return [(i, j, 1 if j > i else -1) for i, j, far in distance if far == gap or (far > gap and not exact)]


@dataclass(frozen=True)
class FrameReward(Transform):
    """``r_t = order c_t + progress (p_t - p_{t-k}) + completion 1[first done]``."""

    order: float = 1.0
    """Weight of the verdict which frame is later."""
    progress: float = 1.0
    """Weight of the gain in progress."""
    completion: float = 1.0
    """Pay for the first frame that looks finished."""
    every: int = 1
    """k: steps from question to question."""
    threshold: float = 0.5
    """Probability from which a frame counts as finished."""
    swap: bool = False
    """Whether verdicts count only if the opposite order gets the opposite verdict, in ``step.order_swapped``."""
    output: str = "step.reward/frames"
    """Where to write it."""

    def __post_init__(self) -> None:
        if min(self.order, self.progress, self.completion) < 0 or self.every < 1 or not 0 < self.threshold <= 1:
            raise GuerdonError(
                f"FrameReward needs weights of at least 0, every >= 1 and threshold in (0, 1], got {self}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The three answers, and the verdict the other way round."""
        swapped = ("step.order_swapped",) if self.swap else ()
        return ("step.order", "step.progress", "step.done_probability", *swapped)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward, and from where on the task looks finished."""
        return (self.output, "step.done")

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward ``[step]``, and ``step.done``, true from the first finished frame on."""
        index, size = batch.index("step", "traj"), batch.size("traj")
        place = segment.position(index, size)
        asked = place % self.every == 0
        verdict, progress = batch["step.order"].sign(), batch["step.progress"]
        if self.swap:
            verdict = torch.where(batch["step.order_swapped"].sign() == -verdict, verdict, 0.0)
        gain = progress - segment.shift(progress, index, size, -self.every)
        compared = asked & (place >= self.every)
        total = self.order * verdict.nan_to_num(0.0) + self.progress * gain.nan_to_num(0.0)
        looks_done = (asked & (batch["step.done_probability"] >= self.threshold)).to(progress.dtype)
        hits = segment.cumsum(looks_done, index, size)
        first = (hits == 1) & (looks_done > 0)
        reward = torch.where(compared, total, 0.0) + self.completion * first
        return {self.output: reward.to(progress.dtype), "step.done": hits > 0}

    def remark(self, batch: Batch) -> str:
        """Whether answers could not be read."""
        lost = sum(int(batch[name].isnan().sum()) for name in self.reads)
        return f"could not read {lost} answers about frames; they count as nothing" if lost else ""

"""Problems with a low reward come more often: first classes, then the problems of a class (skillmimic_v2).

Idea
    A few hard clips are drowned by many easy ones. Sample by how badly each is tracked, and keep the classes apart so
    that a class of many clips does not crowd out one of few.
Maths
    ``w_i = (1 - alpha) / N + alpha softmin_class(k mean reward of the class) softmin_within(k R_i)`` with
    ``softmin(x) = exp(-x) / sum exp(-x)``; after each batch ``R_i <- R_i + blend (mean reward of i - R_i)``.
Reads
    ``traj.reward``, ``group.problem_id``; the classes are ``task.sources()``, where the task has them.
Deviations
    A problem not seen yet counts as reward 0. The weights follow every batch; the released code renews them every
    ``10 total_frames`` environment steps. Problems are drawn with replacement.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from guerdon import segment
from guerdon.batch import Batch
from guerdon.errors import GuerdonError
from guerdon.piece import Curriculum
from guerdon.rng import Stream


def sampling_weights(
    reward: Tensor,
    alpha: float = 1.0,
    sharpness: float = 5.0,
    source: Tensor | None = None,
    valid: Tensor | None = None,
) -> Tensor:
    """Probabilities of problems, or of the frames of a clip, ``[n]``; what is not ``valid`` gets 0, the rest sums to 1.

    ``source``: the class of each, ``[n]``; None: one class. The frames of a clip take ``sharpness`` 10.

    Raises:
        GuerdonError: if nothing is valid.
    """
    valid = torch.ones_like(reward, dtype=torch.bool) if valid is None else valid
    if not bool(valid.any()):
        raise GuerdonError("sampling weights need at least one valid row, got none")
    source = torch.zeros(len(reward), dtype=torch.int64) if source is None else source
    kinds, index = source.unique(return_inverse=True)
    size, there = len(kinds), segment.count(index, len(kinds), valid) > 0
    means = torch.where(there, segment.mean(reward, index, size, valid), torch.inf)
    classes = (-sharpness * means).softmax(0)
    within = segment.softmax(-sharpness * reward, index, size, valid)
    uniform = valid.to(reward.dtype) / valid.sum()
    return (1 - alpha) * uniform + alpha * classes[index] * within


class Rewards(nn.Module):
    """The running reward of every problem seen so far."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[int, float] = {}

    def get_extra_state(self) -> Tensor:
        """Rows (problem, reward), for checkpoints."""
        return torch.tensor([[float(key), value] for key, value in self.of.items()], dtype=torch.float64).reshape(-1, 2)

    def set_extra_state(self, state: Tensor) -> None:
        """Counterpart of ``get_extra_state``."""
        self.of = {int(key): value for key, value in state.cpu().tolist()}


@dataclass(frozen=True)
class AdaptiveSampling(Curriculum):
    """Draws problem i with ``(1 - alpha) / N + alpha softmin_class softmin_within``."""

    alpha: float = 1.0
    """How far to go from uniform sampling (0) to sampling by reward alone (1)."""
    sharpness: float = 5.0
    """k: factor on the rewards."""
    blend: float = 0.5
    """How far the running reward moves to a batch's mean."""
    column: str = "traj.reward"
    """The reward."""

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1 or not 0 < self.blend <= 1 or not 0 <= self.sharpness < torch.inf:
            raise GuerdonError(
                "AdaptiveSampling needs alpha in 0..1, blend in (0, 1] and a finite sharpness of at least 0, "
                f"got {self.alpha}, {self.blend} and {self.sharpness}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The reward and the problems."""
        return (self.column, "group.problem_id")

    def init_state(self) -> Rewards:
        """Nothing seen."""
        return Rewards()

    def weights(self, task: Any, state: Rewards) -> Tensor:
        """The probability of each training problem, float64 ``[problems]``.

        Raises:
            GuerdonError: if the task's problems are without end.
        """
        size = task.size("train")
        if size is None:
            raise GuerdonError(
                "AdaptiveSampling needs a task with a fixed number of training problems, got one without end"
            )
        reward = torch.tensor([state.of.get(number, 0.0) for number in range(size)], dtype=torch.float64)
        source = task.sources()[:size] if hasattr(task, "sources") else None
        return sampling_weights(reward, self.alpha, self.sharpness, source)

    def pick(self, task: Any, count: int, stream: Stream, state: Any = None) -> list[int]:
        """``count`` problem numbers, drawn by their weights."""
        weights = self.weights(task, state)
        return torch.multinomial(weights, count, replacement=True, generator=stream.generator()).tolist()

    def observe(self, batch: Batch, state: Any = None) -> None:
        """Move the running rewards of the batch's problems; unscored responses do not count."""
        reward, problem = batch[self.column], batch["traj.problem_id"]
        numbers, index = problem.unique(return_inverse=True)
        scored = reward.isfinite()
        means = segment.mean(reward, index, len(numbers), scored).tolist()
        counts = segment.count(index, len(numbers), scored).tolist()
        for number, mean, count in zip(numbers.tolist(), means, counts, strict=True):
            if count:
                before = state.of.get(number, 0.0)
                state.of[number] = before + self.blend * (mean - before)

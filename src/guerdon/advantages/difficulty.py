"""Weights of prompts from how far a response is from its demonstration, and how far its reward is (drirl).

Idea
    A prompt is hard where the policy's responses resemble the demonstration little; a category still responds where the
    learned reward tells the two apart. Both raise the weight of the prompt's advantages.
Maths
    ``W = mean over the demonstration's sentences of the largest cosine with a sentence of the response``,
    ``delta = 1 - W``, averaged over a prompt's responses. ``alphaD = sigmoid(delta) / sigmoid(mean delta of the
    category)``, ``alphaM = sigmoid(mean gap of the category) / sigmoid(mean gap)`` with the gap in reward between
    demonstration and responses; ``alpha = alphaD alphaM``.
Reads
    Embeddings of the sentences; both rewards and the category. Writes ``group.difficulty``: use it as
    ``RowWeight("group.difficulty")``.
Deviations
    The mask of outlying gaps is a distance in standard deviations, since its thresholds are not known; where it leaves
    nothing of a category, alphaM is 1. As a weight of the loss, which is the same as one of the advantage. In front of
    an advantage that divides by the group's std it would be divided out.
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


@dataclass(frozen=True)
class DemoMismatch(Transform):
    """``delta = 1 - mean_s max_t cos(s, t)`` over sentences s of the demonstration and t of the response."""

    sentences: str = "traj.features"
    """Embeddings of a response: ``[traj, d]`` for one sentence each, or a list of ``[sentence, d]``."""
    demo_sentences: str = "traj.demo_features"
    """Embeddings of its demonstration, alike."""

    writes = ("group.hardness",)

    @property
    def reads(self) -> tuple[str, ...]:
        """The embeddings."""
        return (self.sentences, self.demo_sentences)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.hardness``, ``[group]``, the mean over responses."""
        pairs = zip(batch[self.demo_sentences], batch[self.sentences], strict=True)
        match = [best_match(torch.atleast_2d(demo), torch.atleast_2d(mine)) for demo, mine in pairs]
        delta = 1 - torch.tensor(match, dtype=torch.get_default_dtype(), device=batch.device)
        return {"group.hardness": batch.up(delta, segment.mean, "traj", "group")}


def best_match(demo: Tensor, response: Tensor) -> float:
    """W of two sets of sentences ``[n, d]``, ``[m, d]``; 0 where one of them is empty."""
    if not demo.numel() or not response.numel():
        return 0.0
    demo, response = (torch.nn.functional.normalize(each, dim=1) for each in (demo, response))
    return float((demo @ response.T).amax(1).mean())


@dataclass(frozen=True)
class DifficultyWeight(Transform):
    """``sigmoid(delta) / sigmoid(mean_j delta) * sigmoid(mean_j gap) / sigmoid(mean gap)`` per prompt."""

    reward: str = "traj.reward"
    """Reward of a response."""
    demo_reward: str = "traj.demo_reward"
    """Reward of its demonstration."""
    category: str = "traj.category"
    """Number of the category."""
    outliers: float | None = None
    """Gaps further than this many standard deviations from the mean are left out; None: none."""

    writes = ("group.difficulty",)

    def __post_init__(self) -> None:
        if self.outliers is not None and not self.outliers > 0:
            raise GuerdonError(f"DifficultyWeight.outliers must be positive or None, got {self.outliers}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The hardness, both rewards and the category."""
        return ("group.hardness", self.reward, self.demo_reward, self.category)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``group.difficulty``, ``[group]``."""
        index, size = batch.index("traj", "group"), batch.size("group")
        reward, delta = batch[self.reward], batch["group.hardness"].to(batch[self.reward])
        gap, scored = batch[self.demo_reward] - reward, reward.isfinite()
        kind = segment.first(batch[self.category].long(), index, size)
        kinds = int(kind.max()) + 1 if size else 0
        hard = delta.sigmoid() / segment.mean(delta, kind, kinds).sigmoid()[kind]
        own, kept = kind[index], scored & self._usual(gap, scored)
        whole = torch.zeros_like(own)
        mean = segment.mean(gap, own, kinds, kept)
        ratio = mean.sigmoid() / segment.mean(gap, whole, 1, kept).sigmoid()
        responsive = torch.where(segment.count(own, kinds, kept) > 0, ratio, torch.ones_like(ratio))
        return {"group.difficulty": hard * responsive[kind]}

    def _usual(self, gap: Tensor, scored: Tensor) -> Tensor:
        """Boolean ``[traj]``: gaps that are no outliers."""
        if self.outliers is None or not bool(scored.any()):
            return torch.ones_like(scored)
        known = gap[scored]
        return (gap - known.mean()).abs() <= self.outliers * known.std(correction=0)

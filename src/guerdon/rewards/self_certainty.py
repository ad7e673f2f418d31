"""How sure a response is of its own words: the distance of its token distributions from the uniform one (shop_r1).

Idea
    Without a reference text, a rationale can still be judged by how decided the policy was while writing it.
Maths
    ``s = mean_t KL(p_t || u) / V = mean_t (log V - H_t) / V``: 0 for uniform tokens, ``log(V) / V`` for sure ones, V being
    the size of the vocabulary.
Reads
    ``action.old_entropy``; ``action.id`` where only the tokens between two tags count.
Deviations
    Shop-R1 sums ``p log(p / u)`` over the vocabulary, which is the same. A response without such tokens has 0. Being
    sure is easiest by repeating oneself; ``cap`` bounds what that earns and is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon import segment
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.objectives.aggregation import trained
from guerdon.piece import Transform
from guerdon.shaping._phases import between


@dataclass(frozen=True)
class SelfCertainty(Transform):
    """``min(mean_t (log V - H_t) / V, cap)`` over the tokens of a response, or of its rationale."""

    vocab: int
    """V: alternatives of every token."""
    opening: tuple[int, ...] = ()
    """Token ids before the part that counts; none: all of the response counts."""
    closing: tuple[int, ...] = ()
    """Token ids behind it."""
    cap: float | None = None
    """Largest reward; None: no limit."""

    writes = ("traj.reward/certainty",)

    def __post_init__(self) -> None:
        if self.vocab < 2 or (self.cap is not None and self.cap <= 0):
            raise GuerdonError(
                f"SelfCertainty needs a vocab of at least 2 and a positive cap, got {self.vocab} and {self.cap}"
            )
        if bool(self.opening) != bool(self.closing):
            raise GuerdonError(
                f"SelfCertainty needs both opening and closing or neither, got {self.opening} and {self.closing}"
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """Entropies, and ids where tags bound the part that counts."""
        return ("action.old_entropy", *(("action.id",) if self.opening else ()))

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.reward/certainty``, ``[traj]``."""
        entropy, index, size = batch["action.old_entropy"], batch.index("action", "traj"), batch.size("traj")
        counts = trained(batch)
        if self.opening:
            counts = counts & between(batch, self.opening, self.closing)
        sure = (math.log(self.vocab) - entropy).clamp(min=0) / self.vocab
        certainty = segment.mean(sure, index, size, counts)
        return {"traj.reward/certainty": certainty if self.cap is None else certainty.clamp(max=self.cap)}

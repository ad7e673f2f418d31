"""A judge's comparison with an exemplar, asked in both orders (ExTrans).

Idea
    Whether a text beats a strong model's text for the same source is easier to say than how good it is, and what the
    judge thinks of the source is the same for both. Judges favor a place, so each pair is shown both ways round.
Maths
    ``r = 1 + (c + c') / 2`` with verdicts in -1 (worse), 0 (tie), 1 (better) from the response's side: 0, 0.5, 1, 1.5, 2.
Reads
    ``verdict`` and ``swapped``, ``[traj]``.
Deviations
    The scale and the two orders are ours (abstract only). A missing verdict is made up for by the other one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class ExemplarComparison(Transform):
    """``1 + (c + c') / 2`` from a judge's verdicts on a response and an exemplar, in both orders."""

    verdict: str = "traj.verdict"
    """c: -1, 0 or 1, the response shown first."""
    swapped: str | None = "traj.swapped_verdict"
    """c': the same, the response shown second; None: one order alone, ``1 + c``."""
    name: str = "comparison"
    """The component's name: writes ``traj.reward/<name>``."""

    def __post_init__(self) -> None:
        split_name(self.verdict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The verdicts."""
        return (self.verdict,) if self.swapped is None else (self.verdict, self.swapped)

    @property
    def writes(self) -> tuple[str, ...]:
        """The component."""
        return (f"traj.reward/{self.name}",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The component, ``[traj]``."""
        verdicts = torch.stack([batch[name].to(torch.get_default_dtype()) for name in self.reads])
        return {f"traj.reward/{self.name}": 1 + verdicts.clamp(-1, 1).nanmean(0)}

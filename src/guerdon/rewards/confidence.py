"""The confidence that a response states about its own answer (rlcr).

Reads
    ``traj.response``: the number in the last ``<confidence>...</confidence>``, such as 0.8, 80% or 4/5.
Deviations
    What is missing, no number or outside 0..1 is NaN; ``outside="clip"`` takes the nearest end for the latter.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch

from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.tasks.answer import last_number, tagged


@dataclass(frozen=True)
class Confidence(Transform):
    """``traj.confidence``: the number inside the tag, in [0, 1], NaN where there is none."""

    tag: str = "confidence"
    """The tag that holds it."""
    outside: Literal["missing", "clip"] = "missing"
    """What a number outside 0..1 is."""

    reads = ("traj.response",)
    writes = ("traj.confidence",)

    def __post_init__(self) -> None:
        if not self.tag:
            raise GuerdonError("Confidence.tag must be a name, got an empty text")

    def stated(self, response: str) -> float:
        """The confidence of one response."""
        text = tagged(response, self.tag)
        number = None if text is None else last_number(text)
        if text is None or number is None:
            return math.nan
        number = number / 100 if text.endswith("%") else number
        if self.outside == "clip":
            return min(max(number, 0.0), 1.0)
        return number if 0 <= number <= 1 else math.nan

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``traj.confidence``, ``[traj]``."""
        stated = [self.stated(response) for response in batch["traj.response"]]
        return {"traj.confidence": torch.tensor(stated, dtype=torch.get_default_dtype(), device=batch.device)}

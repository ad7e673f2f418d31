"""The advantage of an action by its own critic: Q(s, a) - V(s).

Idea
    What offline methods extract their policy with. Both come from the policy as it was when the update began, so
    with one optimiser step per batch they are the current networks.
Maths
    ``A = min_j Q'_j(s, a) - V(s)``.
Reads
    ``action.old_target_q`` and ``action.old_value``.
Deviations
    With several optimiser steps per batch the advantage lags behind the networks by that many.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guerdon.batch import Batch, Column
from guerdon.piece import Transform


@dataclass(frozen=True)
class ActionValueAdvantage(Transform):
    """``A = target_q(s, a) - value(s)``."""

    reads = ("action.old_target_q", "action.old_value")
    writes = ("action.advantage",)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """``action.advantage``, ``[action]``."""
        return {"action.advantage": batch["action.old_target_q"] - batch["action.old_value"]}

"""A success classifier's probability as a sparse reward, corrected for how rare success is (robofume).

Idea
    A classifier trained on as many successes as failures expects half of all states to be successes. Where one in
    ten is, it calls too many of them one.
Maths
    ``odds' = odds [d / (1 - d)] / [t / (1 - t)]`` for the shares of success t in training and d in deployment; the reward
    is ``success`` where ``p' >= threshold``, else ``failure``.
Reads
    ``column``, a probability.
Deviations
    The correction is not of the paper. A probability of NaN is unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guerdon.axes import check_level
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform


def prior_corrected(probability: Tensor, train: float, deploy: float) -> Tensor:
    """The probability had the share of successes been ``deploy`` and not ``train``."""
    yes, no = probability * (deploy / train), (1 - probability) * ((1 - deploy) / (1 - train))
    return yes / (yes + no)


@dataclass(frozen=True)
class SuccessReward(Transform):
    """``success`` where the corrected probability reaches the threshold, else ``failure``."""

    column: str = "step.success_probability"
    """What the classifier says."""
    train: float = 0.5
    """Share of successes in its training data."""
    deploy: float = 0.5
    """Share of successes where it is used; equal to ``train``: no correction."""
    threshold: float = 0.5
    """From where on it is a success."""
    success: float = 1.0
    """What a success earns."""
    failure: float = 0.0
    """What else earns; -1 beside a success of 0 makes it the shortest path."""
    output: str = "step.reward"
    """Where to write the reward; of the level of ``column``."""

    def __post_init__(self) -> None:
        if not 0 < self.train < 1 or not 0 < self.deploy < 1 or not 0 <= self.threshold <= 1:
            raise GuerdonError(
                "SuccessReward needs train and deploy between 0 and 1 and threshold in 0..1, "
                f"got {self.train}, {self.deploy} and {self.threshold}"
            )
        check_level("SuccessReward.output", self.output, self.column)

    @property
    def reads(self) -> tuple[str, ...]:
        """The probability."""
        return (self.column,)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, one per row of the probability."""
        probability = prior_corrected(batch[self.column], self.train, self.deploy)
        reward = torch.where(probability >= self.threshold, self.success, self.failure).to(probability.dtype)
        return {self.output: torch.where(probability.isnan(), torch.nan, reward)}

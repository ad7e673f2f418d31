"""How closely a step follows a reference: a product of exponentials, so that every error has to be small (skillmimic_v2).

Maths
    ``log r = -sum_k w_k e_k``, ``r = prod_k exp(-w_k e_k)``, with mean squared differences e_k to the reference frame:
    key-point positions 20, rotations 20, object 1, key points relative to the object 20, contacts of the body 5 and of
    the object 5. The same product, with other weights, says how similar two states are.
Reads
    ``step.error/<name>`` for every name in ``weights``.
Deviations
    Products are sums of logs, so a similarity of ``1e-60`` is still told from 0. An error of NaN leaves the step
    unscored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from guerdon.axes import split_name
from guerdon.batch import Batch, Column
from guerdon.errors import GuerdonError
from guerdon.piece import Transform
from guerdon.shaping._components import table

TRACKING: Mapping[str, float] = {
    "position": 20.0,
    "rotation": 20.0,
    "object": 1.0,
    "relative": 20.0,
    "contact": 5.0,
    "object_contact": 5.0,
}
"""Released weights of the reward; velocities have weight 0."""
SIMILARITY: Mapping[str, float] = {
    "position": 20.0,
    "rotation": 20.0,
    "velocity": 0.1,
    "object": 1.0,
    "object_velocity": 0.1,
    "relative": 20.0,
}
"""Released weights of the similarity of two states; 2 instead of 20 for states that were perturbed."""


def log_similarity(errors: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """``-sum_k w_k e_k`` of equally shaped errors; weights without an error are left out.

    Raises:
        GuerdonError: if no error has a weight, or one has none.
    """
    if not errors or set(errors) - set(weights):
        raise GuerdonError(f"similarity needs a weight for every error, got {sorted(errors)} and {sorted(weights)}")
    return -sum((weights[name] * error for name, error in errors.items()), start=0 * next(iter(errors.values())))


@dataclass(frozen=True)
class Tracking(Transform):
    """``r = prod_k exp(-w_k e_k)`` over the named errors."""

    weights: dict[str, float] = field(default_factory=lambda: dict(TRACKING))
    """Error -> weight."""
    of: str = "step.error"
    """Beginning of the errors' columns; ``/<name>`` follows."""
    output: str = "step.reward"
    """Where to write the reward; of the errors' level."""

    def __post_init__(self) -> None:
        if not self.weights or not all(0 <= weight < float("inf") for weight in self.weights.values()):
            raise GuerdonError(f"Tracking.weights must be one or more finite numbers of at least 0, got {self.weights}")
        if split_name(self.of)[0] != split_name(self.output)[0]:
            raise GuerdonError(f"Tracking.output must be of the level of {self.of}, got {self.output}")

    @property
    def reads(self) -> tuple[str, ...]:
        """The errors."""
        return tuple(f"{self.of}/{name}" for name in self.weights)

    @property
    def writes(self) -> tuple[str, ...]:
        """The reward."""
        return (self.output,)

    def __call__(self, batch: Batch, state: Any = None) -> Mapping[str, Column]:
        """The reward, one per row of the errors."""
        errors = table(batch, self.reads)
        return {self.output: (-errors @ errors.new_tensor(list(self.weights.values()))).exp()}
